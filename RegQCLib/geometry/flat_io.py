"""2-D images as volumes of one slice, for registrations in a plane."""

from __future__ import annotations

from pathlib import Path

import SimpleITK

from RegQCLib.errors import InputError
from RegQCLib.geometry.image_io import FORMATS, load_volume, suffix
from RegQCLib.geometry.nibabel_io import FlatImageError, require_grid
from RegQCLib.geometry.sitk import from_sitk, quiet
from RegQCLib.geometry.volume import Volume


def load_image(path: str | Path, *, name: str | None = None) -> Volume:
    """Read what `load_volume` reads, or a 2-D image as one slice of 1 mm at S = 0 mm.

    Raises InputError as `load_volume` does, and for 2-D images that are not scalar, not finite or
    of a format that holds no voxel size in mm (.png and the like).
    """
    try:
        return load_volume(path, name=name)
    except FlatImageError as error:
        file = Path(path).expanduser()
        if suffix(file) not in FORMATS:
            raise InputError(
                f"{file}: a picture without voxel size in mm; convert it to .mha or .nii.gz with "
                "its spacing"
            ) from error
    with quiet():
        try:
            flat = SimpleITK.ReadImage(str(file))
        except RuntimeError as error:
            raise InputError(f"{file}: a 2-D image that cannot be read; export it again") from error
        pixel = SimpleITK.GetPixelIDValueAsString(flat.GetPixelID())
        if flat.GetNumberOfComponentsPerPixel() != 1 or "complex" in pixel:
            raise InputError(f"{file}: a 2-D image of several values a pixel; extract one of them")
        volume = from_sitk(SimpleITK.JoinSeries(flat), name or file.name)
    require_grid(file, (flat.GetWidth(), flat.GetHeight(), 1), volume.affine)
    return volume
