"""PNG images (W3C, second edition) as text that a page can hold."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

COLOR_TYPES = {1: 0, 3: 2, 4: 6}  # channels: gray, RGB, RGBA
SIGNATURE = b"\x89PNG\r\n\x1a\n"
FILTER_UP = 2  # a row minus the one above: medical images are smooth


def png_uri(image: NDArray[np.uint8]) -> str:
    """Return a ``data:`` address of an 8-bit image (rows, columns[, 3 or 4])."""
    return "data:image/png;base64," + base64.b64encode(png_bytes(image)).decode("ascii")


def png_bytes(image: NDArray[np.uint8]) -> bytes:
    """Encode an 8-bit image: gray (rows, columns), RGB (..., 3) or RGBA (..., 4)."""
    pixels = np.ascontiguousarray(image, dtype=np.uint8)
    rows, columns = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    flat = pixels.reshape(rows, columns * channels)
    scanlines = np.empty((rows, 1 + columns * channels), dtype=np.uint8)
    scanlines[:, 0] = FILTER_UP
    scanlines[0, 1:] = flat[0]
    scanlines[1:, 1:] = flat[1:] - flat[:-1]  # modulo 256, as the format wants
    header = struct.pack(">IIBBBBB", columns, rows, 8, COLOR_TYPES[channels], 0, 0, 0)
    data = zlib.compress(scanlines.tobytes(), 6)
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
