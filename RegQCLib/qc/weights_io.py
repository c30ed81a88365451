"""Weights in eight bits: a compressed .npz file without pickled code, read by NumPy alone.

Each convolution or matrix is stored as int8 with one float scale for every output channel, anything
one-dimensional as float32. The network's settings are kept in the same file.
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

FORMAT = "regqc-weights-1"
SCALE = "/scale"


def save_weights(
    path: Path, arrays: Mapping[str, NDArray[Any]], settings: Mapping[str, Any]
) -> None:
    """Write named arrays, quantized to eight bits, and the settings of their network."""
    stored: dict[str, NDArray[Any]] = {
        "__about__": np.frombuffer(
            json.dumps({"format": FORMAT, "settings": dict(settings)}).encode(), dtype=np.uint8
        )
    }
    for name, array in arrays.items():
        if array.ndim < 2:
            stored[name] = array.astype(np.float32 if array.dtype.kind == "f" else np.int64)
            continue
        axes = tuple(range(1, array.ndim))
        scale = np.maximum(np.abs(array).max(axis=axes, keepdims=True) / 127, 1e-12)
        stored[name] = np.rint(array / scale).astype(np.int8)
        stored[name + SCALE] = scale.astype(np.float32)
    np.savez_compressed(path, **stored)  # type: ignore[arg-type]


def load_weights(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read what `save_weights` wrote: arrays as float32, and the settings.

    Raises InputError when the file is missing, damaged, or of another kind.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            about = json.loads(bytes(stored["__about__"]))
            if about["format"] != FORMAT:
                raise InputError(f"{path}: weights of format {about['format']}, not {FORMAT}")
            arrays = {
                name: stored[name].astype(np.float32) * stored[name + SCALE]
                if name + SCALE in stored
                else stored[name]
                for name in stored.files
                if name != "__about__" and not name.endswith(SCALE)
            }
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
