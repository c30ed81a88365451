"""Where every slice of a stack belongs: against a reference, or against its neighbors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.volume import Volume
from RegQCLib.progress import Progress, part
from RegQCLib.registration.slice_consensus import Measurement, consensus
from RegQCLib.registration.slice_match import Match, SliceMatcher
from RegQCLib.registration.slice_poses import PoseNumbers
from RegQCLib.registration.slice_refine import refine_in_plane
from RegQCLib.registration.slice_search import search, search_depth
from RegQCLib.registration.slice_stack import Level, Stack
from RegQCLib.registration.slice_target import Target, reference_target

FloatArray = NDArray[np.float64]

PIXELS = 16_000  # that the body in a slice has on the fine level
FINE_MM = (1.0, 2.0)
COARSER = 2.4
STEPS = (1, 2)  # between slices that are compared with each other
FARTHEST_MM = 9.0
DRIFT = 0.4  # error of a comparison per mm between slices that are not neighbors


@dataclass(frozen=True)
class Placed:
    """What was measured of one slice. match: pose without what all slices share.

    score_at_rest: its score if it had not moved. sides: on which trusted neighbors lay, 2 with a
    reference. witness: "reference" or "neighbors".
    """

    match: Match
    score_at_rest: float
    sides: int
    witness: str


def levels_of(stack: Stack) -> tuple[Level, Level]:
    """Coarse and fine pixels, such that the body in a typical slice has about 16 000 fine ones."""
    seen = np.flatnonzero(stack.content)
    pixels = np.median(stack.body[seen].sum(axis=(1, 2)))
    area = float(pixels * stack.spacing[0] * stack.spacing[1])
    fine = float(np.clip(np.sqrt(area / PIXELS), *FINE_MM))
    return stack.level(COARSER * fine), stack.level(fine)


def against_reference(
    stack: Stack, reference: Volume, model: str, may_move: NDArray[np.bool_], progress: Progress
) -> tuple[dict[int, Placed], FloatArray]:
    """Match every slice to the reference; what all of them share is the stack's own offset.

    Returns what was measured by slice number, and the baseline (K, P) mm that was taken off.
    Raises InputError where the reference shows nothing of the stack.
    """
    levels = levels_of(stack)
    targets = [reference_target(stack, reference, level) for level in levels]
    if not any(target.known is not None and target.known.any() for target in targets):
        raise InputError(
            f"{reference.name}: shows nothing of {stack.volume.name}; register the two first"
        )
    numbers = PoseNumbers(stack, model)
    matchers: dict[int, SliceMatcher] = {}
    matches: dict[int, Match] = {}
    for number in _seen(stack):
        progress("matching slices to the reference", number / stack.count)
        pair = _matchers(stack, levels, targets, number, "in-plane", signed=False)
        if not pair[1].in_view:
            continue
        match = search(stack, number, *pair, np.eye(4))
        if model == "rigid":
            pair = _matchers(stack, levels, targets, number, "rigid", signed=False)
            match = search_depth(stack, number, *pair, match.pose)
        matches[number], matchers[number] = match, pair[1]
    known = [
        Measurement(number, None, numbers.numbers(match.pose, number), match.spread_mm)
        for number, match in matches.items()
        if np.isfinite(match.spread_mm)
    ]
    if not known:
        return {}, np.zeros((stack.count, len(numbers.free)))
    _, baseline = consensus(known, stack.count, may_move)
    placed = {}
    for number, match in matches.items():
        base = numbers.pose(baseline[number], number)
        own = replace(match, pose=np.linalg.inv(base) @ match.pose)
        placed[number] = Placed(own, matchers[number].score(base), 2, "reference")
    return placed, baseline


def against_neighbors(
    stack: Stack, may_move: NDArray[np.bool_], progress: Progress
) -> dict[int, Placed]:
    """Compare slices with those beside them, agree on which moved, and refine in place."""
    levels = levels_of(stack)
    numbers = PoseNumbers(stack, "in-plane")
    comparing = part(progress, 0.0, 0.6)
    measured = []
    for number in _seen(stack):
        comparing("comparing slices", number / stack.count)
        for other in _partners(stack, number, may_move):
            targets = [_alone(level, other) for level in levels]
            pair = _matchers(stack, levels, targets, number, "in-plane", signed=True)
            match = search(stack, number, *pair, np.eye(4))
            if np.isfinite(match.spread_mm):
                apart = (other - number - 1) * float(stack.spacing[2])
                error = float(np.hypot(match.spread_mm, DRIFT * apart))
                offset = numbers.numbers(match.pose, number)
                measured.append(Measurement(number, other, offset, error))
    if not measured:
        return {}
    motion, _ = consensus(measured, stack.count, may_move)
    poses = {number: numbers.pose(motion[number], number) for number in _seen(stack)}
    return from_poses(stack, levels[1], poses, may_move, part(progress, 0.6, 1.0))


def from_poses(
    stack: Stack,
    level: Level,
    poses: dict[int, FloatArray],
    may_move: NDArray[np.bool_],
    progress: Progress,
) -> dict[int, Placed]:
    """Refine poses in plane against neighbors; see `refine_in_plane`."""
    refined = refine_in_plane(stack, level, poses, may_move, progress)
    placed = {}
    for number, (match, at_rest) in refined.items():
        sides = int(any(other < number for other in poses)) + int(any(o > number for o in poses))
        placed[number] = Placed(match, at_rest, sides, "neighbors")
    return placed


def _seen(stack: Stack) -> list[int]:
    return [int(number) for number in np.flatnonzero(stack.content)]


def _partners(stack: Stack, number: int, may_move: NDArray[np.bool_]) -> list[int]:
    """Later slices that a slice is compared with."""
    result = []
    for step in STEPS:
        other = number + step
        if other >= stack.count or not stack.content[other]:
            continue
        near = step == 1 or step * float(stack.spacing[2]) <= FARTHEST_MM
        if near and (may_move[number] or may_move[other]):
            result.append(other)
    return result


def _alone(level: Level, number: int) -> Target:
    """One slice as a target, wherever along the stack."""
    size = np.array([level.pixel_mm, level.pixel_mm, 1.0])
    return Target(level.images[number][None], np.zeros(3), size)


def _matchers(
    stack: Stack,
    levels: tuple[Level, Level],
    targets: list[Target],
    number: int,
    model: str,
    *,
    signed: bool,
) -> tuple[SliceMatcher, SliceMatcher]:
    coarse, fine = (
        SliceMatcher(stack, level, number, target, model=model, signed=signed)
        for level, target in zip(levels, targets, strict=True)
    )
    return coarse, fine
