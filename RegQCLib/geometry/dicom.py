"""A folder that holds one DICOM series -> a volume, through SimpleITK's GDCM reader.

GDCM sorts slices by position along the normal and applies rescale slope and intercept. It takes
the slice spacing from the first two slices alone, so positions are checked here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK
from numpy.typing import NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.memory import require_memory
from RegQCLib.geometry.sitk import affine_from_lps, from_sitk
from RegQCLib.geometry.volume import Volume

SERIES_DESCRIPTION = "0008|103e"
MODALITY = "0008|0060"
POSITION = "0020|0032"
ORIENTATION = "0020|0037"
IMAGE_TYPE = "0008|0008"
FRAMES = "0028|0008"

GAP_TOLERANCE = 0.05
"""Share of the slice distance by which positions may differ; rounding in headers stays below."""

MAX_LISTED = 5


def load_series(folder: Path, name: str) -> Volume:
    """Read the only DICOM series in ``folder``.

    Raises InputError when there is none or several, when slices are single, missing, doubled or
    tilted, or the images are in color, mosaics, or not readable.
    """
    found = SimpleITK.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    if not found:
        raise InputError(f"{folder}: a folder without DICOM images; give an image file or a series")
    files = {
        uid: SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid) for uid in found
    }
    if len(files) > 1:
        listed = [_describe(names) for names in files.values()]
        more = f" and {len(listed) - MAX_LISTED} more" if len(listed) > MAX_LISTED else ""
        raise InputError(
            f"{folder}: holds {len(listed)} DICOM series ({'; '.join(listed[:MAX_LISTED])}{more}); "
            "put the one you mean into a folder of its own"
        )
    (names,) = files.values()
    return read_slices(folder, names, name)


def read_slices(path: Path, files: tuple[str, ...], name: str) -> Volume:
    """Read DICOM files sorted along the slice normal, or one multi-frame file, as one volume."""
    first = _header(files[0])
    if first.GetNumberOfComponents() != 1:
        raise InputError(f"{path}: color DICOM images; convert them to gray first")
    if "MOSAIC" in _tag(first, IMAGE_TYPE):
        raise InputError(f"{path}: a Siemens mosaic; convert it with dcm2niix first")
    frames = first.GetSize()[2] if first.GetDimension() > 2 else 1
    if len(files) == 1 and frames == 1:
        raise InputError(f"{path}: the DICOM series has one slice; a volume of several is needed")
    if len(files) > 1 and frames > 1:
        raise InputError(
            f"{path}: several multi-frame DICOM files in one series; convert them with dcm2niix"
        )
    positions = _positions(path, files) if len(files) > 1 else None
    require_memory(path, (*first.GetSize()[:2], len(files) * frames), 8)
    try:
        if positions is None:
            image = SimpleITK.ReadImage(files[0])
        else:
            image = SimpleITK.ReadImage(list(files))
    except RuntimeError as error:
        raise InputError(
            f"{path}: a DICOM image is truncated or its compression unknown; export it again"
        ) from error
    volume = from_sitk(image, name)
    if positions is None:
        return volume
    # The mean distance is truer than that of the first two slices, which ITK takes.
    affine = affine_from_lps(image.GetOrigin(), image.GetSpacing(), image.GetDirection())
    step = (positions[-1] - positions[0]) / (len(files) - 1) * (-1, -1, 1)
    affine[:3, 2] = step
    try:
        Grid(volume.shape, affine)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return Volume(volume.array, affine, name)


def _positions(path: Path, files: tuple[str, ...]) -> NDArray[np.float64]:
    """Return (N, 3) LPS mm of the slices, in order; raise InputError unless evenly spaced."""
    places: list[list[float]] = []
    turns: list[list[float]] = []
    for file in files:
        header = _header(file)
        place, turn = _tag(header, POSITION), _tag(header, ORIENTATION)
        try:
            places.append([float(v) for v in place.split("\\")])
            turns.append([float(v) for v in turn.split("\\")])
        except ValueError:
            raise InputError(
                f"{path}: {Path(file).name} has no position or orientation; "
                "remove it or export the series again"
            ) from None
    if np.ptp(np.array(turns), axis=0).max() > 1e-3:
        raise InputError(
            f"{path}: slices of different orientation (localizer?); keep one orientation"
        )
    row, column = np.reshape(turns[0], (2, 3))
    normal = np.cross(row, column)
    positions = np.array(places)
    along = positions @ normal
    gaps = np.diff(along)
    step = float(np.median(gaps))
    if np.abs(gaps).min() < 1e-3:
        raise InputError(
            f"{path}: several slices at {along[np.abs(gaps).argmin()]:.2f} mm "
            "(several times, echoes or copies); keep one image a position"
        )
    worst = int(np.abs(gaps - step).argmax())
    if abs(gaps[worst] - step) > GAP_TOLERANCE * abs(step):
        raise InputError(
            f"{path}: a gap of {abs(gaps[worst]):.2f} mm between {Path(files[worst]).name} and "
            f"{Path(files[worst + 1]).name}, others are {abs(step):.2f} mm; slices are missing or "
            "unevenly spaced: complete the series or resample it"
        )
    return positions


def _header(file: str) -> SimpleITK.ImageFileReader:
    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(file)
    reader.SetImageIO("GDCMImageIO")
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise InputError(
            f"{file}: the DICOM file cannot be read; remove it or export it again"
        ) from error
    return reader


def _tag(header: SimpleITK.ImageFileReader, key: str) -> str:
    return header.GetMetaData(key).strip() if header.HasMetaDataKey(key) else ""


def _describe(files: tuple[str, ...]) -> str:
    header = _header(files[0])
    text = _tag(header, SERIES_DESCRIPTION) or "no description"
    count = "1 file" if len(files) == 1 else f"{len(files)} files"
    return f"{_tag(header, MODALITY)} {text!r}, {count}".strip()
