"""Work that is a generator: it yields between its steps, and returns what it made.

Most yield the fraction that is done; `SteppedJob` takes events.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

from RegQCScene.job import Event

Made = TypeVar("Made")


def exhausted(steps: Generator[Any, None, Made]) -> Made:
    """Do all steps at once; returns what they return."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def scaled(
    steps: Generator[float, None, Made], start: float, stop: float
) -> Generator[float, None, Made]:
    """Steps that are the part from ``start`` to ``stop`` of a whole."""
    while True:
        try:
            fraction = next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        yield start + (stop - start) * fraction


def told(
    steps: Generator[float, None, Made], stage: str, start: float = 0.0, stop: float = 1.0
) -> Generator[Event, None, Made]:
    """Steps that say what they do; start, stop: see `scaled`."""
    fractions = scaled(steps, start, stop)
    while True:
        try:
            fraction = next(fractions)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        yield Event("progress", stage, fraction)
