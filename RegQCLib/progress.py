"""Progress of long work: a callback that also carries cancellation.

Long functions take ``progress: Progress = silent`` and call it often with the name of the stage
and the fraction of the whole work done. The callback may raise :class:`~RegQCLib.errors.Cancelled`;
the work then stops where it is, and nothing has been written.
"""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, float], None]
"""``progress(stage, fraction)``: stage in words, fraction of the whole work in [0, 1]."""


def silent(stage: str, fraction: float) -> None:
    """Report nothing."""


def part(progress: Progress, start: float, stop: float) -> Progress:
    """Return a callback whose fractions 0 to 1 fill ``start`` to ``stop`` of ``progress``."""

    def inner(stage: str, fraction: float) -> None:
        progress(stage, start + (stop - start) * fraction)

    return inner
