"""From many starts to one motion: through the resolutions with fewer and fewer candidates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from RegQCLib.errors import InputError
from RegQCLib.geometry.transforms import Affine
from RegQCLib.progress import Progress
from RegQCLib.registration.iterative.affine_images import Array
from RegQCLib.registration.iterative.affine_pair import AffinePair
from RegQCLib.registration.iterative.affine_parameters import Motions
from RegQCLib.registration.iterative.affine_result import LevelHistory
from RegQCLib.registration.iterative.multi_start import Score, all_starts, best_starts, distinct

SEARCH_POINTS = 2500
POINTS = (6000, 20000, 50000, 100000)
"""Compared at the levels, from coarse to fine."""

STARTS = 16
BATCH = 4
"""Motions are refined at the coarsest level so many at once, until one of them stands out."""

STANDS_OUT = 0.75
"""A motion does when no other one reaches this share of its score."""

FINALISTS = (STARTS, 2, 1, 1)
"""Motions that enter the levels."""


class Refinement(Protocol):
    """Improves motions, given as parameters (n,), at one resolution with ``count`` points."""

    name: str
    note: str

    def value(self, size_mm: float, count: int, parameters: Array) -> float | None:
        """The measure, less is better; None where the images do not meet."""

    def refine(self, size_mm: float, count: int, start: Array) -> tuple[Array, LevelHistory]:
        """Descend from motions that let the images meet."""


@dataclass(eq=False)
class Candidate:
    """A motion on its way through the levels. score: of `Score` when it last had rivals."""

    parameters: Array
    score: float = 0.0
    history: tuple[LevelHistory, ...] = ()


def find_starts(
    pair: AffinePair, init: Affine | None, progress: Progress
) -> tuple[list[Candidate], int]:
    """Where to begin, best first, and how many motions were tried to know.

    Raises InputError when the images do not meet under ``init``.
    """
    motions, level = pair.motions, pair.level(pair.sizes_mm[0], POINTS[0])
    if init is not None:
        start = motions.parameters(init)
        if level.overlap(motions.matrices(start)) == 0:
            raise InputError(
                "the initial transform takes the fixed image's body outside the moving image; "
                "check its direction (fixed to moving points) and unit (mm), or give none"
            )
        return [Candidate(start)], 1
    tried = all_starts(motions, level.fixed, level.moving)
    scores = _score(pair, 0, SEARCH_POINTS), _score(pair, 1, SEARCH_POINTS)
    found = best_starts(scores, motions, tried, count=STARTS, progress=progress)
    return [Candidate(parameters) for parameters in found], len(tried)


def refined(
    pair: AffinePair,
    refinement: Refinement,
    candidates: list[Candidate],
    score: Score,
    progress: Progress,
) -> list[Candidate]:
    """Take motions through the levels. Returns the best one and, after it, its last rivals.

    score: see `ranking_score`. Raises InputError when no candidate lets the images meet.
    """
    sizes = pair.sizes_mm
    progress(f"registering at {sizes[0]:g} mm", 0.0)
    rivals = _coarsest(pair, refinement, candidates, score)
    for number, size in enumerate(sizes[1:], start=1):
        progress(f"registering at {size:g} mm", number / len(sizes))
        finalists = rivals[: FINALISTS[number]]
        for candidate in finalists:
            _refine(refinement, size, POINTS[number], candidate)
        if len(finalists) > 1:
            rivals = _ranked(score, pair.motions, finalists)
    return rivals


def ranking_score(pair: AffinePair) -> Score:
    """What decides between motions: independent of the engine and of the measure it descends."""
    return _score(pair, 1, POINTS[1])


def _coarsest(
    pair: AffinePair, refinement: Refinement, candidates: list[Candidate], score: Score
) -> list[Candidate]:
    """Refine candidates at the coarsest level until one stands out; those that differ, ranked."""
    motions, size = pair.motions, pair.sizes_mm[0]
    level = pair.level(size, POINTS[0])
    meeting = [c for c in candidates if level.overlap(motions.matrices(c.parameters)) > 0]
    if not meeting:
        raise InputError(
            f"{pair.moving.volume.name} and {pair.fixed.volume.name} share no content to compare; "
            "check the masks"
        )
    ranked: list[Candidate] = []
    for first in range(0, len(meeting), BATCH):
        batch = meeting[first : first + BATCH]
        for candidate in batch:
            _refine(refinement, size, POINTS[0], candidate)
        ranked = _ranked(score, motions, [*ranked, *batch])
        if len(ranked) == 1 or ranked[1].score < STANDS_OUT * ranked[0].score:
            break
    return ranked


def _refine(refinement: Refinement, size: float, count: int, candidate: Candidate) -> None:
    candidate.parameters, level = refinement.refine(size, count, candidate.parameters)
    candidate.history = (*candidate.history, level)


def _ranked(score: Score, motions: Motions, candidates: list[Candidate]) -> list[Candidate]:
    """Candidates that differ from one another, best first."""
    found = np.stack([candidate.parameters for candidate in candidates])
    scores = score(motions.matrices(found))
    for candidate, value in zip(candidates, scores, strict=True):
        candidate.score = float(value)
    return [candidates[n] for n in distinct(motions, found, scores, len(candidates))]


def _score(pair: AffinePair, number: int, count: int) -> Score:
    """Score at the level of this number, or at the last one if there are fewer."""
    number = min(number, len(pair.sizes_mm) - 1)
    level = pair.level(pair.sizes_mm[number], POINTS[number])
    return Score(level.fixed, level.moving, level.points[:: max(1, len(level.points) // count)])
