"""Wrong deformable results and local errors: ``python -m Testing.Benchmarks.detection.error_map``.

1. Fields that folded, diverged or swirled, and demons run on two contrasts, on a phantom and on
   real aligned pairs: caught when the verdict is "misaligned" or the field is called implausible.
   The same pairs with a smooth field of 0.3 mm are the controls, which must pass.
2. Good results with local errors of 3 to 6 mm: how well the error map separates voxels of the body
   that are off by more than 2 mm from the rest (AUROC), beside maps of LNCC and MIND, smoothed.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from RegQCLib.errors import RegQCError
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.foreground import body_mask
from RegQCLib.geometry.resample import resample
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCLib.similarity.lncc import lncc_map
from RegQCLib.similarity.mind import mind_map
from Testing.Benchmarks.detection import cases, wrong_fields
from Testing.Benchmarks.detection.metrics import auroc
from Testing.Benchmarks.detection.moves import Body, random_field
from Testing.Benchmarks.detection.pairs import Pair, load_pairs
from Testing.Benchmarks.detection.speed import phantom_pair
from Testing.Benchmarks.detection.tables import table
from Testing.Benchmarks.results_file import write_results

PHANTOM = "phantom"
PHANTOM_SHAPE = (112, 128, 112)
CONTROL = "control"
CONTROL_MM = 0.3
WRONG_MM = 2.0
LOCAL_MM = 2.0
BASELINE_SMOOTHING_MM = 5.0
SAMPLE = 200_000
MAKERS = {
    "folded": wrong_fields.folded,
    "diverged": wrong_fields.diverged,
    "swirled": wrong_fields.swirled,
}


def subjects_of_study(text: str) -> list[str]:
    """The phantom and the names of the real aligned pairs at up to 1.5 mm that contain ``text``."""
    pairs = [p for p in load_pairs() if p.spacing_class == "isotropic"]
    return [name for name in (PHANTOM, *(p.name for p in pairs)) if text in name]


def load(name: str, seed: int) -> cases.Prepared:
    """A phantom or real pair, prepared."""
    if name != PHANTOM:
        return cases.prepare(next(p for p in load_pairs() if p.name == name))
    fixed, moving = phantom_pair(PHANTOM_SHAPE, seed=seed)
    nowhere = Path(PHANTOM)
    pair = Pair(nowhere, nowhere, PHANTOM, ("A", "B"), PHANTOM, "aligned", "isotropic")
    bodies = [np.asarray(body_mask(v.array)) for v in (fixed, moving)]
    return cases.Prepared(pair, fixed, moving, bodies[0], bodies[1], Affine.identity())


def control(body: Body, rng: np.random.Generator) -> DisplacementField:
    """A smooth field of 0.3 mm on average: as good as a registration gets."""
    field = random_field(body.grid, rng, smoothing_mm=30.0)
    mean = np.linalg.norm(field.sample(body.points), axis=1).mean()
    return DisplacementField(field.array * (CONTROL_MM / mean), field.affine)


def wrong_results(prepared: cases.Prepared, seed: int) -> list[dict[str, Any]]:
    """Whether each wrong result is caught and the control passes, on one pair."""
    rng = np.random.default_rng([seed, zlib.crc32(prepared.pair.name.encode())])
    aligned = cases.with_transform(prepared, None, rng).moved
    fields = {kind: make(prepared.body, rng) for kind, make in MAKERS.items()}
    fields["demons"] = wrong_fields.demons(prepared.fixed, aligned)
    fields[CONTROL] = control(prepared.body, rng)
    rows = []
    for kind, field in fields.items():
        report = _check(prepared.fixed, aligned, field)
        true = wrong_fields.true_error(field, prepared.fixed.grid, prepared.visible)
        plausible = report.field is None or bool(report.field["plausible"])
        rows.append(
            {
                "pair": prepared.pair.name,
                "seed": seed,
                "kind": kind,
                "true_mean_mm": float(np.nanmean(true)),
                "estimated_mm": None if report.error_mm is None else report.error_mm.mean,
                "folded_fraction": None
                if report.field is None
                else report.field["folded_fraction"],
                "verdict": report.verdict,
                "plausible": plausible,
                "caught": report.verdict == "misaligned" or not plausible,
            }
        )
    return rows


def local_errors(prepared: cases.Prepared, seed: int) -> dict[str, Any]:
    """Voxel-wise AUROC of the error map for errors above 2 mm, and of smoothed measures."""
    rng = np.random.default_rng([seed, 1, zlib.crc32(prepared.pair.name.encode())])
    aligned = cases.with_transform(prepared, None, rng).moved
    field = wrong_fields.bumps(prepared.body, rng)
    true = wrong_fields.true_error(field, prepared.fixed.grid, prepared.visible)
    report = _check(prepared.fixed, aligned, field)
    voxels = np.flatnonzero(prepared.visible)
    voxels = rng.choice(voxels, min(SAMPLE, len(voxels)), replace=False)
    moved = resample(aligned, prepared.fixed.grid, field)
    maps: dict[str, NDArray[Any]] = {
        "lncc": -lncc_map(prepared.fixed.array, moved.array),
        "mind": mind_map(prepared.fixed.array, moved.array),
    }
    sigma = BASELINE_SMOOTHING_MM / prepared.fixed.spacing[::-1]
    row = {
        "pair": prepared.pair.name,
        "seed": seed,
        "share_off": float(np.mean(true.flat[voxels] > LOCAL_MM)),
        "verdict": report.verdict,
    }
    for name, values in maps.items():
        row[f"auroc_{name}"] = _separation(gaussian_filter(values, sigma), true, voxels)
    row |= {"auroc_regqc": None, "mae_mm": None, "unknown_share": None}
    if report.error_map is not None:
        estimate = np.asarray(report.error_map.array, dtype=np.float64)
        known = voxels[np.isfinite(estimate.flat[voxels])]
        row["auroc_regqc"] = _separation(estimate, true, known)
        row["mae_mm"] = float(np.abs(estimate.flat[known] - true.flat[known]).mean())
        row["unknown_share"] = 1 - len(known) / len(voxels)
    return row


def summarize(wrong: Sequence[dict[str, Any]], local: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Counts by kind of field and means over pairs. Demons count where they erred by 2 mm."""
    counts = {}
    for kind in dict.fromkeys(row["kind"] for row in wrong):
        rows = [r for r in wrong if r["kind"] == kind]
        if kind == "demons":
            rows = [r for r in rows if r["true_mean_mm"] >= WRONG_MM]
        counts[kind] = {"n": len(rows), "caught": sum(r["caught"] for r in rows)}
    separation = {}
    for name in ("regqc", "lncc", "mind"):
        values = [r[f"auroc_{name}"] for r in local if r[f"auroc_{name}"] is not None]
        separation[name] = float(np.mean(values)) if values else None
    return {"caught": counts, "mean_auroc": separation, "wrong": list(wrong), "local": list(local)}


def markdown(result: dict[str, Any]) -> str:
    """Both tables."""
    counts = [[kind, c["caught"], c["n"]] for kind, c in result["caught"].items()]
    keys = ("pair", "seed", "auroc_regqc", "auroc_lncc", "auroc_mind", "mae_mm", "share_off")
    rows = [[row[key] for key in keys] for row in result["local"]]
    return (
        "### Wrong deformable results (controls must not be caught)\n\n"
        + table(["field", "caught", "of"], counts)
        + "\n\n### Local errors: voxels off by more than 2 mm\n\n"
        + table(keys, rows)
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and report; exit code 0, or 2 with one line where an input is wrong."""
    parser = argparse.ArgumentParser(prog="detection.error_map", description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--pairs", default="", metavar="TEXT", help="only names with TEXT in them")
    parser.add_argument("--seeds", type=int, default=2, metavar="N", help="fields of each kind")
    args = parser.parse_args(arguments)
    wrong, local = [], []
    try:
        for name in subjects_of_study(args.pairs):
            for seed in range(args.seeds):
                prepared = load(name, seed)
                wrong += wrong_results(prepared, seed)
                local.append(local_errors(prepared, seed))
                print(f"{name} {seed}", file=sys.stderr)
    except RegQCError as error:
        print(error, file=sys.stderr)
        return 2
    result = summarize(wrong, local)
    print(markdown(result))
    if args.out:
        write_results(args.out, result)
    return 0


def _check(fixed: Volume, moving: Volume, field: DisplacementField) -> Any:
    from RegQCLib.qc.check import check

    return check(fixed, moving, field)


def _separation(
    values: NDArray[Any], true: NDArray[np.float32], voxels: NDArray[np.intp]
) -> float | None:
    off = true.flat[voxels] > LOCAL_MM
    if off.all() or not off.any():
        return None
    chosen = values.flat[voxels]
    return auroc(chosen[off], chosen[~off])


if __name__ == "__main__":
    sys.exit(main())
