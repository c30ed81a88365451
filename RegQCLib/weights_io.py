"""Weights in few bits: a compressed .npz file without pickled code, read by NumPy alone.

Each convolution or matrix is stored in 4 or 8 bits with one float scale for every output channel,
or as float16 or float32; anything one-dimensional is kept as it is. The network's settings are kept
in the same file. In 8 bits a file is a quarter of its float32 size, in 4 bits an eighth.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.atomic_file import atomic_file

FORMAT = "regqc-weights-1"
BITS = (4, 8, 16, 32)
ABOUT, SCALE, SHAPE = "__about__", "/scale", "/shape"  # SHAPE: of an array packed two a byte
SMALLEST_SCALE = 1e-12  # of a channel that is zero throughout


def save_weights(
    path: str | Path,
    arrays: Mapping[str, NDArray[Any]],
    settings: Mapping[str, Any],
    *,
    bits: int = 8,
) -> None:
    """Write named arrays, their matrices in ``bits`` a weight, and the settings of their network.

    ``path`` ends in .npz and appears complete or not at all.
    Raises InputError for other ``bits``, for weights that are not finite, and when ``path`` cannot
    be written.
    """
    if bits not in BITS:
        raise InputError(f"weights are stored in 4, 8, 16 or 32 bits, not in {bits}")
    about = {"format": FORMAT, "bits": bits, "settings": dict(settings)}
    stored = {ABOUT: np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise InputError(
                f"{path}: not written, since {name} is not finite; the training has diverged"
            )
        stored |= _encode(name, array, bits)
    with atomic_file(path) as temporary:
        np.savez_compressed(temporary, **stored)  # type: ignore[arg-type]


def load_weights(path: str | Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read what `save_weights` wrote: arrays as float32, and the settings.

    Raises InputError when the file is missing, damaged, or of another kind.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            about = json.loads(bytes(stored[ABOUT]))
            if about["format"] != FORMAT:
                raise InputError(f"{path}: weights of format {about['format']}, not {FORMAT}")
            names = [n for n in stored.files if n != ABOUT and not n.endswith((SCALE, SHAPE))]
            arrays = {name: _decode(stored, name) for name in names}
    except FileNotFoundError:
        raise InputError(f"{path}: no such model file; reinstall RegQC") from None
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        RuntimeError,
        EOFError,
        BadZipFile,
        zlib.error,
    ) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: damaged or not a RegQC model; reinstall RegQC") from None
    return arrays, about["settings"]


def quantize_channels(
    array: NDArray[Any], bits: int
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Whole numbers and one scale for every entry of axis 0, with array ~ numbers * scale.

    Symmetric: the numbers reach from -(2^(bits-1) - 1) to 2^(bits-1) - 1 and zero stays exactly
    zero. The error is at most half a scale.
    """
    axes = tuple(range(1, array.ndim))
    largest = 2 ** (bits - 1) - 1
    scale = np.maximum(np.abs(array).max(axis=axes, keepdims=True) / largest, SMALLEST_SCALE)
    return np.rint(array / scale).astype(np.int8), scale.astype(np.float32)


def _encode(name: str, array: NDArray[Any], bits: int) -> dict[str, NDArray[Any]]:
    if array.ndim < 2 or array.dtype.kind != "f":
        return {name: array.astype(np.float32 if array.dtype.kind == "f" else np.int64)}
    if bits >= 16:
        return {name: array.astype(np.float16 if bits == 16 else np.float32)}
    numbers, scale = quantize_channels(array, bits)
    if bits == 8:
        return {name: numbers, name + SCALE: scale}
    shape = np.array(array.shape, dtype=np.int64)
    return {name: _pack(numbers), name + SCALE: scale, name + SHAPE: shape}


def _decode(stored: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any]:
    array = stored[name]
    if name + SHAPE in stored:
        array = _unpack(array, tuple(stored[name + SHAPE]))
    if name + SCALE in stored:
        return array.astype(np.float32) * stored[name + SCALE]
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _pack(numbers: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Two numbers of -8 to 7 in every byte, the first in the lower half."""
    halves = (numbers.ravel() + 8).astype(np.uint8)
    halves = np.pad(halves, (0, len(halves) % 2))
    return halves[0::2] | (halves[1::2] << np.uint8(4))


def _unpack(packed: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.int8]:
    halves = np.stack([packed & 15, packed >> 4], axis=1).ravel()[: int(np.prod(shape))]
    return (halves.astype(np.int8) - 8).reshape(shape)
