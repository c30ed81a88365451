"""A run of thousands of cases that were never checked: simulated results, pictures of the sample.

The distribution is what a batch of mostly good registrations looks like: a bulk below 2 mm, a
shoulder and far outliers, folding in some, 2 % that cannot be told and 1 % that failed. Pictures
show the sample pair, shifted as far as the case's error says.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[3]
SITES = ("Bergen", "Graz", "Kyoto", "Lima")
FAILURES = (
    "moving image is truncated (gzip ends early); copy the file again",
    "the images do not overlap; check the transform",
)
PICTURES, MOST_MM = 24, 12.0


def simulated_rows(count: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """Return rows as `RegQCLib.batch.review_page.write_review_page` takes them."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        kind = random.choice(["good", "bad", "unclear", "failed"], p=[0.87, 0.1, 0.02, 0.01])
        row: dict[str, Any] = {
            "id": f"sub-{number // 2 + 1:04d}_ses-{number % 2 + 1}",
            "site": SITES[number * len(SITES) // count],
            "pair": "T1w on FLAIR" if random.random() < 0.7 else "CT on T1w",
            "age": int(random.integers(18, 90)),
            "seconds_total": round(float(random.gamma(9, 0.4)), 2),
            "version": "simulated",
            "status": "failed" if kind == "failed" else "done",
            "reason": str(random.choice(FAILURES)) if kind == "failed" else "",
        }
        if kind == "unclear":
            row |= {"verdict": "cannot_tell", "reason": "less than a fifth of the body overlaps"}
        elif kind != "failed":
            row |= _measured(random, bad=kind == "bad")
        rows.append(row)
    return rows


def _measured(random: np.random.Generator, *, bad: bool) -> dict[str, Any]:
    error = float(2.2 + random.gamma(1.4, 1.7) if bad else random.gamma(7, 0.12))
    chance = 1 / (1 + np.exp(-3.2 * (error - 1.9) + random.normal(0, 0.7)))
    folds = random.random() < (0.12 if bad else 0.03)
    misaligned = bool(chance > 0.5)
    return {
        "verdict": "misaligned" if misaligned else "aligned",
        "probability_misaligned": round(float(chance), 4),
        "error_mean_mm": round(error, 3),
        "error_p95_mm": round(error * float(1.2 + random.gamma(2, 0.15)), 3),
        "flagged_slices": int(random.poisson(14 * error)) if misaligned else 0,
        "flagged": f"axial {random.integers(0, 9)}-{random.integers(12, 29)}" if misaligned else "",
        "folded_fraction": round(float(random.gamma(1, 0.004)), 5) if folds else 0.0,
    }


def link_pictures(rows: list[dict[str, Any]], folder: Path) -> None:
    """Give every case that has a verdict a ``thumbnail.png`` in its folder."""
    made = [_picture(folder, MOST_MM * step / PICTURES, step) for step in range(PICTURES)]
    for row in rows:
        if row["status"] == "done":
            place = folder / "cases" / row["id"]
            place.mkdir(parents=True)
            error = row.get("error_mean_mm") or 0.0
            step = min(PICTURES - 1, round(PICTURES * error / MOST_MM))
            os.link(made[step], place / "thumbnail.png")


def _picture(folder: Path, shift_mm: float, number: int) -> Path:
    """Write edges of the shifted T1w image over a coronal slice of the FLAIR image."""
    from scipy import ndimage

    from RegQCLib.geometry.foreground import body_mask
    from RegQCLib.geometry.image_io import load_volume
    from RegQCLib.geometry.volume import Volume
    from RegQCLib.report.html import pictured_pair
    from RegQCLib.report.png import png_bytes
    from RegQCLib.report.print_pictures import edge_image

    fixed, moving = (
        load_volume(ROOT / "Resources" / "SampleData" / f"{name}.nii.gz")
        for name in ("flair", "t1w")
    )
    voxels = np.array([0, -0.6, 0.8]) * shift_mm / np.array(fixed.spacing[::-1])
    moved = Volume(ndimage.shift(moving.array, voxels, order=1), fixed.affine, "moved")
    pair = pictured_pair(fixed, moved, body_mask(fixed))
    view = pair.view("axial")
    file = folder / f"picture{number}.png"
    file.write_bytes(png_bytes(edge_image(pair, view, 10 + number % 12)))
    return file
