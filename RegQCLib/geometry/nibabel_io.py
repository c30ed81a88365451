"""NIfTI (1 and 2, single files and pairs) and MGH files, by way of nibabel's headers.

The headers are read unrepaired: nibabel would turn a spacing of 0 into 1 and -2 into 2, and ITK
would straighten sheared axes, without a word to the user. Orientation of NIfTI: the sform where its
code is set, else the qform, else nibabel's default (voxel (0, 0, 0) at left, posterior, inferior
flipped in x, centered), which is logged.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.freesurfer.mghformat import MGHHeader
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.file_bytes import is_gzip, opened, read_range, truncated
from RegQCLib.geometry.grid import MAX_SPACING_MM, MIN_SPACING_MM, Grid
from RegQCLib.geometry.memory import require_memory
from RegQCLib.geometry.sitk import storable
from RegQCLib.geometry.volume import Volume

log = logging.getLogger(__name__)

UNIT_IN_MM = {1: 1000.0, 3: 0.001}
"""NIfTI codes of space units other than millimeters: meters, micrometers."""

FORM_TOLERANCE_MM = 0.1
MGH_DATA_OFFSET = 284


class FlatImageError(InputError):
    """A 2-D image where a 3-D one is meant."""


def read_nifti(path: Path, name: str) -> Volume:
    """Read a NIfTI-1 or NIfTI-2 file, or a ``.hdr``/``.img`` pair by its ``.hdr``.

    Raises InputError for anything that is no scalar 3-D image on a usable grid.
    """
    with opened(path) as stream:
        head = stream.read(540)
    kind = nibabel.Nifti2Header if 540 in _both_orders(head[:4]) else nibabel.Nifti1Header
    size = kind.template_dtype.itemsize
    if len(head) < size:
        raise truncated(path, f"{len(head)} bytes are fewer than a header")
    header = kind(head[:size], check=False)
    dimensions = [int(n) for n in header["dim"]]
    if not 1 <= dimensions[0] <= 7:
        raise InputError(f"{path}: the header says {dimensions[0]} axes; export the image again")
    shape = scalar_shape(path, dimensions[1 : dimensions[0] + 1])
    try:
        stored = header.get_data_dtype()
    except (HeaderDataError, KeyError) as error:
        raise InputError(
            f"{path}: unknown data type code {int(header['datatype'])}; export the image again"
        ) from error
    require_scalar(path, stored)
    affine = _nifti_affine(path, header, shape)
    single = header["magic"].item().startswith(b"n+")
    offset = int(header["vox_offset"])
    array = _values(path if single else _data_file(path), stored, shape, offset, affine)
    return Volume(_scaled(path, array, header), affine, name)


def read_mgh(path: Path, name: str) -> Volume:
    """Read a FreeSurfer ``.mgh`` or ``.mgz`` file; raises InputError as `read_nifti` does."""
    with opened(path) as stream:
        head = stream.read(MGH_DATA_OFFSET)
    if len(head) < MGH_DATA_OFFSET:
        raise truncated(path, f"{len(head)} bytes are fewer than a header")
    block = head[: MGHHeader._hdrdtype.itemsize].ljust(MGHHeader.template_dtype.itemsize, b"\0")
    header = MGHHeader(block, check=False)
    shape = scalar_shape(path, [int(n) for n in header["dims"]])
    if header["goodRASFlag"] == 1:
        require_spacing(path, header["delta"])
    else:
        log.warning("%s: no orientation in the header; FreeSurfer's default is assumed", path)
    try:
        stored = header.get_data_dtype()
    except (HeaderDataError, KeyError) as error:
        raise InputError(
            f"{path}: unknown data type code {int(header['type'])}; export the image again"
        ) from error
    with np.errstate(all="ignore"):  # absurd numbers are refused with the grid
        affine = header.get_affine()
    return Volume(_values(path, stored, shape, MGH_DATA_OFFSET, affine), affine, name)


def write_nifti(volume: Volume, path: Path) -> None:
    """Write NIfTI-1 (sform and qform, mm); 64-bit integers as int32 if they fit, else float64."""
    array = _narrowed(storable(volume.array), ("int64", "uint64"), ("int32", "float64"))
    image = nibabel.Nifti1Image(array.T, volume.affine)
    image.set_sform(volume.affine, code=1)
    image.set_qform(volume.affine, code=1)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)


def write_mgh(volume: Volume, path: Path) -> None:
    """Write MGH; integers it does not know as int32 if they fit, all other values as float32."""
    array = storable(volume.array)
    if array.dtype not in (np.uint8, np.int16, np.int32, np.float32):
        unknown = ("int8", "uint16", "uint32", "int64", "uint64", "float64")
        array = _narrowed(array, unknown, ("int32", "float32"))
    nibabel.save(nibabel.MGHImage(array.T, volume.affine), path)


def scalar_shape(path: Path, sizes: Sequence[int]) -> tuple[int, int, int]:
    """Return sizes (i, j, k) of a 3-D image; trailing axes of length 1 beyond three are dropped.

    Raises InputError when fewer or more axes remain, or one is empty.
    """
    kept = list(sizes)
    while len(kept) > 3 and kept[-1] == 1:
        kept.pop()
    shown = " x ".join(str(n) for n in kept)
    if len(kept) == 2:
        raise FlatImageError(f"{path}: a 2-D image ({shown}); give a 3-D volume")
    if len(kept) < 2:
        raise InputError(f"{path}: a {len(kept)}-D image ({shown}); give a 3-D volume")
    if min(kept) < 1:
        raise InputError(f"{path}: an axis without voxels ({shown}); export the image again")
    if len(kept) == 4:
        raise InputError(
            f"{path}: a 4-D image of {kept[3]} frames ({shown}); extract one 3-D frame first"
        )
    if len(kept) > 4:
        raise InputError(
            f"{path}: a vector image or several volumes ({shown}); extract one 3-D volume first"
        )
    return kept[0], kept[1], kept[2]


def require_scalar(path: Path, stored: np.dtype[Any]) -> None:
    """Raise InputError for color and complex values."""
    if stored.fields is not None or stored.kind == "V":
        raise InputError(f"{path}: a color (RGB) image; convert it to one gray channel first")
    if stored.kind == "c":
        raise InputError(f"{path}: complex values; save the magnitude first")


def require_spacing(path: Path, spacing: Sequence[float] | NDArray[Any]) -> None:
    """Raise InputError when a stored voxel size is not finite, not positive, or not plausible."""
    sizes = [float(s) for s in spacing]
    if not all(math.isfinite(s) and MIN_SPACING_MM <= s <= MAX_SPACING_MM for s in sizes):
        shown = " x ".join(f"{s:g}" for s in sizes)
        raise InputError(
            f"{path}: voxel size {shown} mm in the header, each must be between {MIN_SPACING_MM:g} "
            f"and {MAX_SPACING_MM:g} mm; repair the header"
        )


def require_grid(path: Path, shape: tuple[int, int, int], affine: NDArray[Any]) -> Grid:
    """Return the grid of sizes (i, j, k), or raise InputError naming the file."""
    try:
        return Grid(shape[::-1], affine)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _nifti_affine(
    path: Path, header: nibabel.Nifti1Header, shape: tuple[int, int, int]
) -> NDArray[np.float64]:
    unit = UNIT_IN_MM.get(int(header["xyzt_units"]) & 7, 1.0)
    if unit != 1:
        log.warning("%s: lengths in the header are in units of %g mm; converted", path, unit)
    require_spacing(path, header["pixdim"][1:4].astype(np.float64) * unit)
    if header["pixdim"][0] not in (-1, 1):
        header["pixdim"][0] = 1  # as the standard says
    try:
        if header["sform_code"] > 0:
            affine = header.get_sform()
            if header["qform_code"] > 0 and not _agree(affine, header.get_qform(), shape):
                log.warning("%s: sform and qform differ; the sform is used", path)
        elif header["qform_code"] > 0:
            affine = header.get_qform()
        else:
            log.warning("%s: no orientation in the header; nibabel's default is assumed", path)
            affine = header.get_base_affine()
    except (HeaderDataError, ValueError) as error:
        raise InputError(f"{path}: the orientation (qform) is no rotation; repair it") from error
    scaled = np.array(affine, dtype=np.float64)
    scaled[:3] *= unit
    return scaled


def _agree(one: NDArray[Any], other: NDArray[Any], shape: tuple[int, int, int]) -> bool:
    gap = np.abs((one - other)[:3])
    return bool((gap @ np.array([*shape, 1.0])).max() <= FORM_TOLERANCE_MM)


def _data_file(path: Path) -> Path:
    """Return the ``.img`` of a ``.hdr``."""
    data = path.with_suffix(".img" if path.suffix.islower() else ".IMG")
    if not data.is_file():
        raise InputError(f"{path}: its voxels are in {data.name}, which is missing; copy both")
    return data


def _values(
    path: Path,
    stored: np.dtype[Any],
    shape: tuple[int, int, int],
    offset: int,
    affine: NDArray[Any],
) -> NDArray[Any]:
    """Read voxels of sizes (i, j, k), i fastest, as an array (k, j, i) in native byte order."""
    require_grid(path, shape, affine)
    count = math.prod(shape) * stored.itemsize
    if not is_gzip(path):
        missing = offset + count - path.stat().st_size
        if missing > 0:
            raise truncated(path, f"{missing} of {count} bytes of voxels are missing")
    require_memory(path, shape, stored.itemsize)
    array = np.frombuffer(read_range(path, offset, count), stored).reshape(shape[::-1])
    return storable(array)


def _scaled(path: Path, array: NDArray[Any], header: nibabel.Nifti1Header) -> NDArray[Any]:
    """Apply slope and intercept, where set: in float32 if the stored values fit it exactly."""
    try:
        slope, intercept = header.get_slope_inter()
    except HeaderDataError as error:
        raise InputError(f"{path}: the intensity scaling is not finite; repair it") from error
    if slope is None or (slope == 1 and intercept == 0):
        return array
    exact = np.can_cast(array.dtype, np.float32)
    result: NDArray[np.floating[Any]] = array.astype(np.float32 if exact else np.float64)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused as infinite
        result *= slope
        result += intercept
    return result


def _narrowed(
    array: NDArray[Any], unknown: tuple[str, ...], instead: tuple[str, str]
) -> NDArray[Any]:
    """Return ``array`` in a type the format knows: the first for integers that fit."""
    if array.dtype.name not in unknown:
        return array
    bounds = np.iinfo(np.int32)
    fits = array.dtype.kind in "iu" and bounds.min <= array.min() and array.max() <= bounds.max
    return array.astype(instead[0] if fits else instead[1])


def _both_orders(four: bytes) -> tuple[int, int]:
    return int.from_bytes(four, "little"), int.from_bytes(four, "big")
