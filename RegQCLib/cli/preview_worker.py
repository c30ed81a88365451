"""A large transform sampled on a coarse grid, for display: its file may hold gigabytes.

``python -m RegQCLib.cli.preview_worker TRANSFORM --grid GRID.json --out FILE.npy --progress json``;
GRID.json: ``{"shape": [k, j, i], "affine": 4 x 4}``. Speaks the protocol of `cli.progress`; the
result's ``largest_difference_mm`` is that between the samples and the transform, at places between.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from RegQCLib.cli.progress import ProgressMode, reporter
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transform_io import load_transform
from RegQCLib.geometry.transforms import Transform, to_displacement

PLACES = 20_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line ``arguments``, by default the process's own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("transform", type=Path)
    parser.add_argument("--grid", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--progress", type=ProgressMode, default=ProgressMode.none)
    options = parser.parse_args(arguments)
    with reporter(options.progress) as report:
        report("reading the transform", 0.0)
        grid = Grid(**json.loads(options.grid.read_text(encoding="utf-8")))
        transform = load_transform(options.transform)
        report("sampling the transform", 0.5)
        field = to_displacement(transform, grid)
        np.save(options.out, field.array)
        difference = largest_difference(transform, field)
        report.result(f"written to {options.out}", {"largest_difference_mm": difference})


def largest_difference(transform: Transform, field: DisplacementField) -> float:
    """Largest distance, mm, between both at `PLACES` random places on the field's grid."""
    random = np.random.default_rng(0)
    last = np.array(field.grid.shape[::-1]) - 1
    points = field.grid.to_world(random.uniform(0, last, (PLACES, 3)))
    apart = np.linalg.norm(transform.apply(points) - field.apply(points), axis=1)
    return float(apart.max())


if __name__ == "__main__":
    main()
