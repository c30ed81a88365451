"""The error map of a check, read in steps: a large one takes seconds to unpack."""

from __future__ import annotations

import gzip
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np

from RegQCLib.errors import InputError
from RegQCScene.job import Event
from RegQCScene.volume_exchange import emptyImage, imageArray

NOT_JUDGED = -1.0
"""Stands for NaN: views cannot interpolate NaN, and a threshold at 0 hides it."""

STEP_BYTES = 2**20


def errorMapSteps(path: Path) -> Generator[Event, None, Any]:
    """Read error_map.nii.gz, mm as float32; returns vtkImageData with `NOT_JUDGED` for NaN.

    Raises InputError when the file is damaged.
    """
    import nibabel

    try:
        file: Any = nibabel.load(path)
        stored = file.dataobj
        if stored.dtype != np.float32:
            raise InputError(f"{path}: is no error map of RegQC; check the pair again")
        image = emptyImage(stored.shape[::-1], np.float32)
        values = imageArray(image).reshape(-1)
        place, count = values.data.cast("B"), 0
        with gzip.open(path) as stream:
            stream.seek(stored.offset)
            while read := stream.readinto(place[count : count + STEP_BYTES]):
                count += read
                yield Event("progress", "reading the error map", 0.95 + 0.05 * count / len(place))
    except (OSError, EOFError, ValueError, nibabel.filebasedimages.ImageFileError) as error:
        raise InputError(f"{path}: is damaged; check the pair again") from error
    if count != len(place):
        raise InputError(f"{path}: ends before its data do; check the pair again")
    for first in range(0, values.size, STEP_BYTES):
        part = values[first : first + STEP_BYTES]
        part[np.isnan(part)] = NOT_JUDGED
        yield Event("progress", "reading the error map", 1.0)
    return image
