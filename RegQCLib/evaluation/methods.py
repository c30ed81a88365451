"""What a set of pairs is registered with: nothing, an iterative engine, or a trained network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from RegQCLib.errors import InputError, MissingDependencyError
from RegQCLib.geometry.transforms import Affine, Transform, simplified
from RegQCLib.geometry.volume import Volume
from RegQCLib.progress import silent
from RegQCLib.registration import steps
from RegQCLib.registration.networks.names import NETWORK_NAMES

START = steps.START
ITERATIVE = (*steps.LINEAR_KINDS, steps.DEFORMABLE)

Run = Callable[[Volume, Volume, Transform], steps.Step]
"""fixed, moving, start (fixed to moving points) -> where the images meet, as a step."""


@dataclass(frozen=True)
class Method:
    """A way to register. name: in tables; its registration starts from a given transform."""

    name: str
    run: Run


def read_methods(texts: Sequence[str], device: str) -> list[Method]:
    """Methods from ``NAME``, ``FILE`` or ``NAME=FILE``; "start", which moves nothing, comes first.

    NAME alone is one of `ITERATIVE`, or a network that ships; FILE a model that ``regqc train
    registration`` or ``regqc compress`` wrote. device: "auto", "cpu" or "cuda".
    Raises InputError for unknown names, unusable files, and two methods of one name.
    """
    methods = [Method(START, _stay)]
    for text in texts:
        method = _read(text, device)
        if method.name in [other.name for other in methods]:
            raise InputError(f"two methods are called {method.name}; tell them apart by NAME=FILE")
        methods.append(method)
    return methods


def _read(text: str, device: str) -> Method:
    name, _, file = text.rpartition("=")
    if not name and text in ITERATIVE:
        steps.load_engine("auto")
        run = _deform if text == steps.DEFORMABLE else partial(_align, text)
        return Method(text, partial(run, device=device))
    if not name and text in NETWORK_NAMES:
        return _model(text, None, device)
    if not name and not Path(file).exists():
        known = ", ".join(ITERATIVE)
        raise InputError(f"no such method or model file: {text}; give one of {known}, or a file")
    return _model(name, Path(file), device)


def _model(name: str, file: Path | None, device: str) -> Method:
    """file: None for the one that ships with the network ``name``."""
    try:
        from RegQCLib.registration.learned import model_file
        from RegQCLib.registration.networks.model_file import load_model
    except ImportError as error:
        raise MissingDependencyError(
            f"{file or name}: a trained network needs torch; run: pip install 'RegQC[torch]'"
        ) from error
    file = file or model_file(name, None)
    model = load_model(file)

    def run(fixed: Volume, moving: Volume, start: Transform) -> steps.Step:
        order = steps.Order(fixed, moving, device=device, weights=file)
        return steps.learned(order, model, start, silent)

    return Method(name or file.stem, run)


def _stay(_fixed: Volume, _moving: Volume, start: Transform) -> steps.Step:
    return steps.start(start)


def _align(
    kind: Any, fixed: Volume, moving: Volume, start: Transform, *, device: str
) -> steps.Step:
    linear = simplified(start)
    if not isinstance(linear, Affine):
        raise InputError(f"a {kind} registration cannot start from a transform that bends")
    given = None if np.array_equal(linear.matrix, np.eye(4)) else linear  # else it searches
    return steps.linear(steps.Order(fixed, moving, device=device), kind, given, silent)


def _deform(fixed: Volume, moving: Volume, start: Transform, *, device: str) -> steps.Step:
    return steps.deformable(steps.Order(fixed, moving, device=device), start, silent)
