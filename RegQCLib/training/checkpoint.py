"""Checkpoints of training runs: complete or not there, and refused where they do not belong."""

from __future__ import annotations

import platform
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from RegQCLib.errors import InputError
from RegQCLib.geometry.atomic_file import atomic_file


def checkpoint_of(folder: Path, *, resume: bool) -> Path:
    """Return where the checkpoint of a run in ``folder`` lies.

    Raises InputError when there is one and it is not to be resumed, and the other way round.
    """
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists() and not resume:
        raise InputError(f"{folder} holds a training run; pass --resume to continue it")
    if resume and not checkpoint.exists():
        raise InputError(f"{folder} holds no checkpoint to resume from; leave out --resume")
    return checkpoint


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values, with the versions of torch and Python."""
    versions = {"torch": str(torch.__version__), "python": platform.python_version()}
    with atomic_file(path) as temporary:
        torch.save({**state, "versions": versions}, temporary)


def read_checkpoint(path: Path, config: dict[str, Any]) -> dict[str, Any]:
    """Return what was written, on the CPU; it holds ``config`` and ``step``.

    Raises InputError when the file is damaged or belongs to another configuration.
    """
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        stored, _ = state["config"], int(state["step"])
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, UnpicklingError):
        raise InputError(f"{path}: damaged or no checkpoint; use a new output folder") from None
    if stored != config:
        raise InputError(f"{path} belongs to another configuration; use a new output folder")
    return dict(state)
