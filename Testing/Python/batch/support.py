"""What the tests of batches share: quick pairs, and worse ones."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from cli.support import picture, write_nifti

from RegQCLib.batch.options import Options

QUICK = Options(check=False, evaluate=True)
"""A step that takes milliseconds, loads no network, and says something else of each pair."""


def landmark_pairs(folder: Path, count: int, *, extra: str = "") -> Path:
    """Write pairs of landmark files and their manifest; pair N has a mean error of N + 1 mm."""
    folder.mkdir(parents=True, exist_ok=True)
    points = np.arange(12.0).reshape(4, 3) ** 2
    lines = ["id,fixed,moving,landmarks,site"]
    for number in range(count):
        for side, shift in (("f", 0.0), ("m", number + 1.0)):
            text = "\n".join(",".join(map(str, p)) for p in points + np.array([shift, 0, 0]))
            (folder / f"{side}{number}.csv").write_text("x,y,z\n" + text + "\n", encoding="utf-8")
        lines.append(f"p{number},,,f{number}.csv|m{number}.csv,Graz {number}")
    manifest = folder / "manifest.csv"
    manifest.write_text("\n".join([*lines, extra]) + "\n", encoding="utf-8")
    return manifest


def image_pairs(folder: Path, count: int) -> list[str]:
    """Write pairs of small images; returns rows of a manifest (id, fixed, moving)."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        write_nifti(folder / f"f{number}.nii.gz", picture(2 * number))
        write_nifti(folder / f"m{number}.nii.gz", picture(2 * number + 1))
    return [f"good{n},f{n}.nii.gz,m{n}.nii.gz" for n in range(count)]


def table(out: Path) -> list[dict[str, str]]:
    """Rows of ``results.csv``."""
    with (out / "results.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


MEDDLING = """
import os, signal, time
from pathlib import Path
import RegQCLib.batch.steps as steps

real = steps._evaluate

def evaluate(work, notes):
    time.sleep(float(os.environ.get("TEST_SLEEP_S", "0")))
    marker = Path(os.environ.get("TEST_DIE_MARKER", os.devnull))
    if work.folder.name == os.environ.get("TEST_DIE_ON") and not marker.is_file():
        if str(marker) != os.devnull:
            marker.write_text("")
        os.kill(os.getpid(), signal.SIGKILL)
    return real(work, notes)

steps._evaluate = evaluate
"""
"""For `meddled`: makes a pair take TEST_SLEEP_S, or kills the process of the pair TEST_DIE_ON; only
once where TEST_DIE_MARKER names a file."""


def meddled(monkeypatch: pytest.MonkeyPatch, folder: Path, **variables: object) -> None:
    """Let processes that are started from now on run `MEDDLING` first."""
    (folder / "meddling").mkdir()
    (folder / "meddling" / "sitecustomize.py").write_text(MEDDLING, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(folder / "meddling"))
    for name, value in variables.items():
        monkeypatch.setenv(f"TEST_{name.upper()}", str(value))
