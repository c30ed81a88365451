"""Bytes of image files, compressed by gzip or not, and what kind of file they are by content."""

from __future__ import annotations

import gzip
import re
import string
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from RegQCLib.errors import InputError

GZIP_MAGIC = b"\x1f\x8b"
HEAD_BYTES = 1024
BLOCK_BYTES = 1 << 20

MAGIC = {
    b"NRRD000": "NRRD",
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"\x89HDF": "HDF5",
    b"CDF\x01": "NetCDF (MINC 1)",
    b"PK\x03\x04": "ZIP",
    b"%PDF": "PDF",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}
MGH_TYPES = (0, 1, 3, 4, 10)
META_KEY = re.compile(rb"^\s*(ObjectType|NDims|ObjectSubType|Comment)\s*=", re.MULTILINE)


def is_gzip(path: Path) -> bool:
    """Whether the file begins as gzip does."""
    with path.open("rb") as stream:
        return stream.read(2) == GZIP_MAGIC


def content_kind(path: Path) -> str | None:
    """Name the kind of file by its (decompressed) first bytes; None when nothing fits.

    Raises InputError when the file is gzip and damaged from the start.
    """
    with opened(path) as stream:
        return _kind(stream.read(HEAD_BYTES))


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open ``path`` for reading, decompressed; damage met while reading becomes an InputError."""
    try:
        if is_gzip(path):
            with gzip.open(path, "rb") as stream:
                yield cast(BinaryIO, stream)
        else:
            with path.open("rb") as stream:
                yield stream
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise truncated(path, "the gzip data end early or are damaged") from error


def read_range(path: Path, offset: int, count: int) -> bytearray:
    """Return ``count`` (decompressed) bytes from ``offset``, after reading the file to its end.

    Reading to the end lets gzip check its checksum. Raises InputError when bytes are missing.
    """
    with opened(path) as stream:
        _skip(stream, offset)
        data = bytearray(count)
        view = memoryview(data)
        filled = 0
        while filled < count:
            got = stream.readinto(view[filled:])  # type: ignore[attr-defined]
            if not got:
                break
            filled += got
        if filled < count:
            raise truncated(path, f"{count - filled} of {count} bytes of voxels are missing")
        if is_gzip(path):
            while stream.read(BLOCK_BYTES):
                pass
    return data


def truncated(path: Path, reason: str) -> InputError:
    """Return the error for a file that is shorter than its header says, or damaged."""
    return InputError(f"{path}: truncated or damaged ({reason}); copy or export it again")


def _skip(stream: BinaryIO, count: int) -> None:
    while count > 0:
        got = len(stream.read(min(count, BLOCK_BYTES)))
        if not got:
            return
        count -= got


def _kind(head: bytes) -> str | None:
    for magic, name in MAGIC.items():
        if head.startswith(magic):
            return name
    if head[128:132] == b"DICM":
        return "DICOM"
    for order in ("little", "big"):
        size = int.from_bytes(head[:4], order)  # type: ignore[arg-type]
        if size == 348 and len(head) >= 348:
            return "NIfTI" if head[344:347] in (b"n+1", b"ni1") else "Analyze"
        if size == 540 and head[4:7] in (b"n+2", b"ni2"):
            return "NIfTI"
    if head[:4] == b"\x00\x00\x00\x01" and int.from_bytes(head[20:24], "big") in MGH_TYPES:
        return "MGH"
    if META_KEY.search(head[:256]):
        return "MetaImage"
    if head and all(byte in string.printable.encode() for byte in head):
        return "text"
    return None
