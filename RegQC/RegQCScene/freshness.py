"""Whether a result still belongs to what is chosen: corrections and selectors make it old."""

from __future__ import annotations

from typing import Any

from RegQCScene.placement import chosenPlacement

DECIMALS = 2
"""Moves below a hundredth of a mm change no verdict."""

QUESTION = ("fixedVolume", "movingVolume", "mask", "maskSegment", "toleranceMm", "betweenPeople")


def inputFingerprint(parameters: Any) -> tuple[Any, ...]:
    """Return what a check depends on (`RegQCParameters`); equal while nothing of it changed.

    The transforms count by what they do, so that undoing a correction restores the fingerprint.
    """
    question = [_name(getattr(parameters, name)) for name in QUESTION]
    place = chosenPlacement(parameters) or {"points": [], "bends": []}
    rounded = [round(number, DECIMALS) + 0.0 for number in place["points"]]
    return (*question, *rounded, *place["bends"])


def _name(value: Any) -> Any:
    """Nodes count by their identity in the scene."""
    return value.GetID() if hasattr(value, "GetID") else value
