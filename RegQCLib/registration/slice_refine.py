"""Slices against their neighbors: every slice in turn against what the others say of its place.

From neighbors on both sides anatomy that runs obliquely cancels, which it does not between two
slices. A slice that moved takes part in its corrected place, so runs of moved slices hold together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from RegQCLib.progress import Progress
from RegQCLib.registration.slice_match import Match, SliceMatcher
from RegQCLib.registration.slice_poses import displacement_mm
from RegQCLib.registration.slice_search import finish
from RegQCLib.registration.slice_stack import Level, Stack
from RegQCLib.registration.slice_target import neighbor_target

FloatArray = NDArray[np.float64]

ROUNDS = 3
STILL_MM = 1.0  # a slice that moves less than this lies where it lies for its neighbors
LEAST_GAIN = 0.02  # of the score, that makes a slice at rest count as moved
SETTLED_MM = 0.1


def refine_in_plane(
    stack: Stack,
    level: Level,
    poses: dict[int, FloatArray],
    may_move: NDArray[np.bool_],
    progress: Progress,
) -> dict[int, tuple[Match, float]]:
    """Return the in-plane match of every slice in ``poses`` that may move, and its score at rest.

    poses: where each slice with content probably belongs; other slices take no part. Slices whose
    neighbors stayed where they were in the round before are not compared again.
    """
    images = level.images.copy()
    usable = np.zeros(stack.count, dtype=bool)
    kept = {number: np.eye(4) for number in poses}
    for number, pose in poses.items():
        usable[number] = True
        kept[number] = pose
        images[number] = corrected(level, number, pose)
    found: dict[int, tuple[Match, float]] = {}
    order = [n for n in poses if may_move[n]]
    order.sort(key=lambda n: -displacement_mm(stack, n, poses[n]))
    pending = set(order)
    for turn in range(ROUNDS):
        changed = set()
        for place, number in enumerate(order):
            progress("comparing neighbors", (turn + place / len(order)) / ROUNDS)
            target = neighbor_target(stack, level, images, usable, number)
            if number not in pending or target is None:
                continue
            matcher = SliceMatcher(stack, level, number, target, model="in-plane", signed=True)
            if not matcher.in_view:
                continue
            match, at_rest = found[number] = _compared(stack, number, matcher, kept[number])
            moves = displacement_mm(stack, number, match.pose) > STILL_MM
            pose = match.pose if moves and match.score > at_rest + LEAST_GAIN else np.eye(4)
            if displacement_mm(stack, number, np.linalg.inv(kept[number]) @ pose) > SETTLED_MM:
                changed.add(number)
            kept[number] = pose
            images[number] = corrected(level, number, pose)
        pending = {n for n in order for c in changed if abs(n - c) <= 2}
    return found


def corrected(level: Level, number: int, pose: FloatArray) -> NDArray[np.float32]:
    """A slice of a level as it looks where an in-plane ``pose`` puts it."""
    if np.array_equal(pose, np.eye(4)):
        return level.images[number]
    back = np.linalg.inv(pose)
    places = (level.coordinates @ back[:2, :2].T + back[:2, 3]) / level.pixel_mm
    return map_coordinates(
        level.images[number], np.moveaxis(places, -1, 0)[::-1], order=1, mode="nearest"
    )


def _compared(
    stack: Stack, number: int, matcher: SliceMatcher, pose: FloatArray
) -> tuple[Match, float]:
    """Climb from rest and from the pose so far; the better one wins. Also the score at rest."""
    at_rest = matcher.score(np.eye(4))
    best = matcher.climb(np.eye(4))
    if displacement_mm(stack, number, pose) > SETTLED_MM:
        best = max(best, matcher.climb(pose), key=lambda match: match.score)
    return finish(matcher, best.pose), at_rest
