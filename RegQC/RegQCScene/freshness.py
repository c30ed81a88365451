"""Whether a result still belongs to what is chosen: corrections and selectors make it old."""

from __future__ import annotations

from typing import Any

import numpy as np

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import Grid
from RegQCScene.transform_exchange import worldToMoving
from RegQCScene.transform_parts import mappedPoints
from RegQCScene.volume_exchange import gridFromNode

POINTS = 4
"""Points along each axis of the fixed image at which its place on the moving one is compared."""

DECIMALS = 2
"""Moves below a hundredth of a mm change no verdict."""

QUESTION = ("fixedVolume", "movingVolume", "mask", "maskSegment", "toleranceMm", "betweenPeople")


def inputFingerprint(parameters: Any) -> tuple[Any, ...]:
    """Return what a check depends on (`RegQCParameters`); equal while nothing of it changed.

    The transforms count by what they do, so that undoing a correction restores the fingerprint.
    """
    question = [getattr(parameters, name) for name in QUESTION]
    return (*(_name(value) for value in question), _places(parameters))


def _name(value: Any) -> Any:
    """Nodes count by their identity in the scene."""
    return value.GetID() if hasattr(value, "GetID") else value


def _places(parameters: Any) -> tuple[float, ...]:
    """Where points of the fixed image lie in the moving one, mm."""
    fixed, moving = parameters.fixedVolume, parameters.movingVolume
    if fixed is None or moving is None:
        return ()
    try:
        points = _lattice(gridFromNode(fixed))
    except InputError:
        return ()
    places = mappedPoints(worldToMoving(moving, parameters.transform), points)
    return tuple((places.round(DECIMALS) + 0.0).ravel().tolist())


def _lattice(grid: Grid) -> Any:
    axes = [np.linspace(0, n - 1, POINTS) for n in grid.shape[::-1]]
    return grid.to_world(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3))
