"""The error map of a check as a file, in steps: a large one takes seconds to unpack."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from slicer.i18n import tr as _

from RegQCLib.errors import InputError
from RegQCScene.job import Event
from RegQCScene.nifti_steps import niftiSteps
from RegQCScene.raw_image_file import imageSteps
from RegQCScene.step_generators import told
from RegQCScene.volume_exchange import imageArray

NOT_JUDGED = -1.0
"""Stands for NaN: views cannot interpolate NaN, and a threshold at 0 hides it."""

STEP_VOXELS = 2**20


def errorMapSteps(path: Path, start: float, stop: float) -> Generator[Event, None, Any]:
    """Read an error map, mm as float32; returns vtkImageData with `NOT_JUDGED` for NaN.

    path: error_map.nii.gz of a check, or a .mha that `raw_image_file.volumeSteps` wrote.
    start, stop: what part of the whole its progress is. Raises InputError for a damaged file.
    """
    stage = _("reading the error map")
    if path.suffix == ".mha":
        image = yield from told(imageSteps(path), stage, start, stop)
    else:
        image = yield from niftiSteps(path, stage, start, stop)
    values = imageArray(image).reshape(-1)
    if values.dtype != np.float32:
        raise InputError(f"{path}: is no error map of RegQC; check the pair again")
    for first in range(0, values.size, STEP_VOXELS):
        part = values[first : first + STEP_VOXELS]
        part[np.isnan(part)] = NOT_JUDGED
        yield Event("progress", stage, stop)
    return image


def withGaps(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a plane of an error map as it is written: NaN where nothing was judged."""
    return np.where(plane < 0, np.float32(np.nan), plane).astype(np.float32, copy=False)
