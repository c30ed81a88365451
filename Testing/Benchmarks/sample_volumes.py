"""The sample pair as volume nodes in the test host, on as many voxels as wanted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "Testing"), str(ROOT / "RegQC")]

LARGE = (300, 512, 512)
"""Voxels (k, j, i) of a large CT."""


def sample_volume(name: str, shape: tuple[int, int, int] | None = None) -> Any:
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
