"""Where to train."""

from __future__ import annotations

import torch

from RegQCLib.errors import InputError


def choose_device(device: str) -> str:
    """Return "cuda" or "cpu" for ``device``, which may also be "auto".

    Raises InputError where there is no CUDA device.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("no CUDA device is available; use --device cpu or auto")
    return device


def describe_device(place: torch.device) -> str:
    """The device in words."""
    if place.type == "cuda":
        return str(torch.cuda.get_device_name(place))
    return "CPU"
