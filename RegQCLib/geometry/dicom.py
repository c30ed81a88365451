"""A folder that holds one DICOM series -> a volume, through SimpleITK's GDCM reader.

GDCM applies rescale slope and intercept. Slices are sorted and checked here: GDCM falls back to
file names when positions are doubled, takes the slice spacing from the first two slices alone,
turns a pixel spacing of 0 into 1 mm, and missing pixels into zeros.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK
from numpy.typing import NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.file_bytes import truncated
from RegQCLib.geometry.grid import MIN_SPACING_MM
from RegQCLib.geometry.memory import require_memory
from RegQCLib.geometry.nibabel_io import require_grid, require_spacing
from RegQCLib.geometry.sitk import affine_from_lps, from_sitk
from RegQCLib.geometry.volume import Volume

SERIES_DESCRIPTION = "0008|103e"
MODALITY = "0008|0060"
IMAGE_TYPE = "0008|0008"
POSITION = "0020|0032"
ORIENTATION = "0020|0037"
PIXEL_SPACING = "0028|0030"
FRAMES = "0028|0008"
PIXEL_COUNTS = ("0028|0002", "0028|0010", "0028|0011", "0028|0100")
"""Samples, rows, columns, bits."""

PIXEL_DATA = re.compile(rb"\xe0\x7f\x10\x00(?:O[BW]\0\0)?(?P<length>.{4})", re.DOTALL)
UNDEFINED_LENGTH = 0xFFFFFFFF  # compressed pixels, whose size only the decoder knows

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
        raise InputError(
            f"{folder}: a folder without DICOM images; give an image file, or the folder that "
            "holds the slices of one series itself"
        )
    files = {
        uid: SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid) for uid in found
    }
    _require_all_listed(folder, {Path(name) for names in files.values() for name in names})
    if len(files) > 1:
        listed = [_describe(names) for names in files.values()]
        more = f" and {len(listed) - MAX_LISTED} more" if len(listed) > MAX_LISTED else ""
        raise InputError(
            f"{folder}: holds {len(listed)} DICOM series ({'; '.join(listed[:MAX_LISTED])}{more}); "
            "put the one you mean into a folder of its own"
        )
    (names,) = files.values()
    return read_slices(folder, names, name)


def read_slices(path: Path, files: Sequence[str], name: str) -> Volume:
    """Read DICOM files of one slice each, in any order, as one volume.

    Raises InputError as `load_series`. Multi-frame files are refused: frames may be times or
    echoes, and may lie anywhere.
    """
    headers = [_header(file) for file in files]
    if any(_tag(header, FRAMES) not in ("", "1") for header in headers):
        raise InputError(f"{path}: multi-frame (enhanced) DICOM; convert it with dcm2niix first")
    if any("MOSAIC" in _tag(header, IMAGE_TYPE) for header in headers):
        raise InputError(f"{path}: a Siemens mosaic; convert it with dcm2niix first")
    if any(header.GetNumberOfComponents() != 1 for header in headers):
        raise InputError(f"{path}: color DICOM images; convert them to gray first")
    if len(files) == 1:
        raise InputError(f"{path}: one DICOM slice; give a folder that holds all slices")
    for file, header in zip(files, headers, strict=True):
        _require_pixels(path, Path(file), header)
    order, step = _in_order(path, files, headers)
    require_memory(path, (*headers[0].GetSize()[:2], len(files)), 8)
    try:
        image = SimpleITK.ReadImage([files[n] for n in order])
    except RuntimeError as error:
        raise InputError(
            f"{path}: a DICOM image is damaged or its compression unknown; export it again"
        ) from error
    affine = affine_from_lps(image.GetOrigin(), image.GetSpacing(), image.GetDirection())
    affine[:3, 2] = step * (-1, -1, 1)
    require_grid(path, image.GetSize(), affine)
    return Volume(from_sitk(image, name).array, affine, name)


def _in_order(
    path: Path, files: Sequence[str], headers: Sequence[SimpleITK.ImageFileReader]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the order of the files along the slice normal, and the (3,) LPS mm between neighbors.

    Raises InputError unless all slices are parallel, of one size, and evenly spaced.
    """
    try:
        places = np.array([_vector(header, POSITION, 3) for header in headers])
        turns = np.array([_vector(header, ORIENTATION, 6) for header in headers])
        pixels = np.array([_vector(header, PIXEL_SPACING, 2) for header in headers])
    except ValueError as error:
        raise InputError(
            f"{path}: a slice has no position, orientation or pixel spacing; "
            "remove it or export the series again"
        ) from error
    for pixel in pixels:
        require_spacing(path, pixel)
    sizes = {header.GetSize()[:2] for header in headers}
    if np.ptp(turns, axis=0).max() > 1e-3 or np.ptp(pixels, axis=0).max() > 1e-3 or len(sizes) > 1:
        raise InputError(
            f"{path}: slices of different orientation, size or spacing (localizer?); "
            "keep one stack of parallel slices"
        )
    along = places @ np.cross(turns[0, :3], turns[0, 3:])
    order = np.argsort(along, kind="stable")
    gaps = np.diff(along[order])
    named = [Path(files[n]).name for n in order]
    if gaps.min() < MIN_SPACING_MM:
        twice = int(gaps.argmin())
        raise InputError(
            f"{path}: several slices at one position ({named[twice]} and {named[twice + 1]}: "
            "several times, echoes or copies); keep one image a position"
        )
    typical = float(np.median(gaps))
    worst = int(np.abs(gaps - typical).argmax())
    if abs(gaps[worst] - typical) > GAP_TOLERANCE * typical:
        raise InputError(
            f"{path}: a gap of {gaps[worst]:.2f} mm between {named[worst]} and "
            f"{named[worst + 1]}, others are {typical:.2f} mm; slices are missing or "
            "unevenly spaced: complete the series or resample it"
        )
    # The mean step is truer than that of the first two slices, which ITK takes.
    step = (places[order[-1]] - places[order[0]]) / (len(files) - 1)
    return order, step


def _require_pixels(path: Path, file: Path, header: SimpleITK.ImageFileReader) -> None:
    """Raise InputError when pixels are missing: GDCM would fill in zeros without a word."""
    try:
        samples = [int(_tag(header, key) or 1) for key in PIXEL_COUNTS]
    except ValueError:
        samples = [1]
    needed = math.prod(samples) // 8
    data = file.read_bytes()
    lengths = []
    for match in PIXEL_DATA.finditer(data):
        length = int.from_bytes(match["length"], "little")
        present = min(length, len(data) - match.end())
        lengths.append(needed if length == UNDEFINED_LENGTH else present)
    if lengths and max(lengths) < needed:
        raise truncated(
            path, f"{needed - max(lengths)} of {needed} bytes of pixels are missing in {file.name}"
        )


def _vector(header: SimpleITK.ImageFileReader, key: str, length: int) -> list[float]:
    """Return the numbers of a tag; raise ValueError unless there are ``length`` finite ones."""
    numbers = [float(word) for word in _tag(header, key).split("\\")]
    if len(numbers) != length or not np.isfinite(numbers).all():
        raise ValueError(key)
    return numbers


def _require_all_listed(folder: Path, listed: set[Path]) -> None:
    """Raise InputError for a damaged file: GDCM would leave its slice out without a word."""
    for file in sorted(folder.iterdir()):
        if file in listed or not file.is_file() or file.name.upper() == "DICOMDIR":
            continue
        with file.open("rb") as stream:
            head = stream.read(132)
        if file.suffix.lower() == ".dcm" or head[128:] == b"DICM":
            raise truncated(folder, f"{file.name} cannot be read as DICOM")


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
