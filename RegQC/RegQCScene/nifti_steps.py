"""NIfTI files read in steps: a large one takes seconds to unpack."""

from __future__ import annotations

import gzip
from collections.abc import Generator
from pathlib import Path
from typing import Any

from RegQCLib.errors import InputError
from RegQCScene.job import Event
from RegQCScene.volume_exchange import emptyImage, imageArray

STEP_BYTES = 2**20


def niftiSteps(
    path: Path, stage: str, start: float = 0.0, stop: float = 1.0
) -> Generator[Event, None, Any]:
    """Read the voxels of a .nii.gz that RegQC wrote; returns vtkImageData of the stored type.

    stage: for the progress, which goes from ``start`` to ``stop``. Raises InputError when the file
    is damaged.
    """
    import nibabel

    try:
        file: Any = nibabel.load(path)
        stored = file.dataobj
        image = emptyImage(stored.shape[::-1], stored.dtype.newbyteorder("="))
        place, count = imageArray(image).reshape(-1).data.cast("B"), 0
        with gzip.open(path) as stream:
            stream.seek(stored.offset)
            while read := stream.readinto(place[count : count + STEP_BYTES]):
                count += read
                yield Event("progress", stage, start + (stop - start) * count / len(place))
    except (OSError, EOFError, ValueError, nibabel.filebasedimages.ImageFileError) as error:
        raise InputError(f"{path}: is damaged; calculate it again") from error
    if count != len(place):
        raise InputError(f"{path}: ends before its data do; calculate it again")
    return image
