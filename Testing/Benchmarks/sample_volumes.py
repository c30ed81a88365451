"""The sample pair in the test host, on as many voxels as wanted, to be measured there."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "Testing"), str(ROOT / "RegQC")]

Shape = tuple[int, int, int]

LARGE: Shape = (300, 512, 512)
"""Voxels (k, j, i) of a large CT."""


def measure_pairs(
    out: Path,
    settings: Mapping[str, Any],
    measure: Callable[[Any, Shape | None], dict[str, Any]],
    *,
    small: bool,
) -> None:
    """Measure in the host with the sample as it is and on large voxels; write JSON after each.

    measure: gets the host and the shape, None for the sample's own. small: the sample alone.
    """
    from SlicerHost.host import startHost

    from Testing.Benchmarks.results_file import write_results

    host = startHost()
    result: dict[str, Any] = {"processors": os.cpu_count(), **settings, "pairs": {}}
    for name, shape in (("sample", None), ("512x512x300", LARGE)):
        if small and shape is not None:
            continue
        row = result["pairs"][name] = measure(host, shape)
        print(name, *(f"{key} {value}" for key, value in row.items()), sep="\n  ", flush=True)
        write_results(out, result)
    if host.problems():
        raise SystemExit("\n".join(host.problems()))


def sample_volume(name: str, shape: Shape | None = None) -> Any:
    """Add a volume node of the sample; shape: (k, j, i) voxels over the same place."""
    from RegQCLib.geometry.grid import Grid
    from RegQCLib.geometry.image_io import load_volume
    from RegQCLib.geometry.resample import resample
    from RegQCLib.geometry.volume import Volume
    from RegQCScene.volume_exchange import nodeFromVolume

    volume = load_volume(ROOT / "Resources" / "SampleData" / f"{name}.nii.gz")
    if shape is not None:
        affine = volume.affine.copy()
        affine[:3, :3] *= np.array(volume.shape[::-1]) / np.array(shape[::-1])
        fine = resample(volume, Grid(shape, affine))
        volume = Volume(fine.array.astype(np.int16), affine, name)
    node = nodeFromVolume(volume, name)
    node.CreateDefaultDisplayNodes()
    return node
