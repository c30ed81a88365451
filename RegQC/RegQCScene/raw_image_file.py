"""MetaImage files in steps, uncompressed: quick for large volumes, and never blocking.

`RegQCLib.geometry.image_io` reads and writes the same in one go.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.volume import Volume
from RegQCScene.volume_exchange import emptyImage, imageArray

STEP_BYTES = 4 * 2**20
"""Written at once: some 10 ms even on a slow disk."""

TYPES = {
    "int8": "MET_CHAR",
    "uint8": "MET_UCHAR",
    "int16": "MET_SHORT",
    "uint16": "MET_USHORT",
    "int32": "MET_INT",
    "uint32": "MET_UINT",
    "int64": "MET_LONG_LONG",
    "uint64": "MET_ULONG_LONG",
    "float32": "MET_FLOAT",
    "float64": "MET_DOUBLE",
}


PlaneChange = Callable[[NDArray[Any]], NDArray[Any]]


def volumeSteps(
    volume: Volume, path: str | Path, changed: PlaneChange = np.ascontiguousarray
) -> Generator[float, None, None]:
    """Write a volume as .mha; yields the fraction that is written.

    changed: what to write of a plane, of the same type. Raises InputError when the file cannot be
    written.
    """
    planes = (changed(plane) for plane in volume.array)
    return _write(Path(path), volume.grid, volume.array.dtype, planes, components=1)


def fieldSteps(field: DisplacementField, path: str | Path) -> Generator[float, None, None]:
    """Write a displacement field as .mha of LPS vectors, float32; as `volumeSteps`."""
    flip = np.array([-1, -1, 1], dtype=np.float32)
    planes = (np.moveaxis(field.array[:, k], 0, -1) * flip for k in range(field.grid.shape[0]))
    floats = (np.ascontiguousarray(plane, dtype=np.float32) for plane in planes)
    return _write(Path(path), field.grid, np.dtype(np.float32), floats, components=3)


def imageSteps(path: Path) -> Generator[float, None, Any]:
    """Read a .mha that `volumeSteps` wrote; returns vtkImageData, yields the fraction read.

    Raises InputError for any other file, or a damaged one.
    """
    count = 0
    try:
        with path.open("rb") as stream:
            image = emptyImage(*_readHeader(stream))
            place = imageArray(image).reshape(-1).data.cast("B")
            while read := stream.readinto(place[count : count + STEP_BYTES]):
                count += read
                yield count / len(place)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: is damaged; calculate it again") from error
    if count != len(place):
        raise InputError(f"{path}: ends before its data do; calculate it again")
    return image


def _readHeader(stream: BinaryIO) -> tuple[tuple[int, ...], str]:
    """Return shape (k, j, i) and type. Raises ValueError or KeyError for files of others."""
    found: dict[str, str] = {}
    while "ElementDataFile" not in found:
        key, _equals, value = stream.readline(200).decode("ascii").partition(" = ")
        if not value:
            raise ValueError("is no header of ours")
        found[key] = value.strip()
    own = {"CompressedData": "False", "BinaryDataByteOrderMSB": str(not np.little_endian),
           "ElementNumberOfChannels": "1", "ElementDataFile": "LOCAL"}  # fmt: skip
    if any(found[key] != value for key, value in own.items()):
        raise ValueError("is of another kind than ours")
    types = {name: dtype for dtype, name in TYPES.items()}
    return tuple(map(int, found["DimSize"].split()))[::-1], types[found["ElementType"]]


def _write(
    path: Path, grid: Grid, dtype: np.dtype[Any], planes: Iterator[NDArray[Any]], components: int
) -> Generator[float, None, None]:
    try:
        with path.open("wb") as stream:
            stream.write(_header(grid, dtype, components).encode("ascii"))
            waiting = 0
            for number, plane in enumerate(planes, start=1):
                stream.write(plane.data)
                waiting += plane.nbytes
                if waiting >= STEP_BYTES:
                    waiting = 0
                    yield number / grid.shape[0]
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror}); free some space"
        ) from error


def _header(grid: Grid, dtype: np.dtype[Any], components: int) -> str:
    """MetaIO's header: LPS mm, the direction of each axis in turn."""
    flip = np.diag([-1.0, -1.0, 1.0])
    lines = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": str(not np.little_endian),
        "CompressedData": "False",
        "TransformMatrix": _numbers((flip @ grid.direction).T.ravel()),
        "Offset": _numbers(flip @ grid.origin),
        "CenterOfRotation": "0 0 0",
        "ElementSpacing": _numbers(grid.spacing),
        "DimSize": " ".join(map(str, grid.shape[::-1])),
        "ElementNumberOfChannels": str(components),
        "ElementType": TYPES[dtype.name],
        "ElementDataFile": "LOCAL",  # must be last: the voxels follow
    }
    return "".join(f"{key} = {value}\n" for key, value in lines.items())


def _numbers(values: NDArray[np.float64]) -> str:
    return " ".join(repr(float(value)) for value in values)
