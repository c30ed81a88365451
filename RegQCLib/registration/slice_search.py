"""The pose of a slice from a wide search on coarse pixels and a climb on fine ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from RegQCLib.registration.slice_match import Match, SliceMatcher, motion
from RegQCLib.registration.slice_stack import Stack

FloatArray = NDArray[np.float64]

SHIFTS_MM = (0.0, -5.0, 5.0)
TURNS_DEG = (0.0, -5.0, 5.0)
DEPTHS_MM = (0.0, -4.0, 4.0)
TRIED = 2


def search(
    stack: Stack, number: int, coarse: SliceMatcher, fine: SliceMatcher, start: FloatArray
) -> Match:
    """Best in-plane pose on a grid of 5 mm and degrees around ``start``, and a climb from it."""
    starts = [start]
    center = stack.centers[number]
    for turn in TURNS_DEG:
        for u in SHIFTS_MM:
            for v in SHIFTS_MM:
                step = motion(np.array([u, v, 0.0]), np.radians([0, 0, turn]), center)
                starts.append(step @ start)
    ranked = sorted(starts, key=coarse.score, reverse=True)[:TRIED]
    return finish(fine, max((coarse.climb(one) for one in ranked), key=_score).pose)


def search_depth(
    stack: Stack, number: int, coarse: SliceMatcher, fine: SliceMatcher, start: FloatArray
) -> Match:
    """Best rigid pose from starts 4 mm before, at and behind an in-plane pose."""
    starts = [motion(np.array([0, 0, w]), np.zeros(3), stack.centers[number]) for w in DEPTHS_MM]
    return finish(fine, max((coarse.climb(one @ start) for one in starts), key=_score).pose)


def finish(fine: SliceMatcher, start: FloatArray) -> Match:
    """Climb from ``start`` and say how certain the place is."""
    found = fine.climb(start)
    return replace(found, spread_mm=fine.spread(found.pose))


def _score(match: Match) -> float:
    return match.score
