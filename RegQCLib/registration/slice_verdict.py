"""Whether a slice moved, lies in place, or does not say: what was measured against its doubt."""

from __future__ import annotations

from RegQCLib.registration.slice_measurements import Placed
from RegQCLib.registration.slice_poses import displacement_mm
from RegQCLib.registration.slice_refine import LEAST_GAIN
from RegQCLib.registration.slice_stack import Stack

MOVED, IN_PLACE, NO_EVIDENCE, NOT_EXAMINED = "moved", "in place", "no evidence", "not examined"
STATES = (MOVED, IN_PLACE, NO_EVIDENCE, NOT_EXAMINED)

MOST_SPREAD_MM = 0.4  # of a place that may be believed
CERTAINTY = 4.0  # standard errors that a motion must exceed
ONE_SIDED = 0.2
"""Doubt in mm per mm between slices where neighbors lie on one side: anatomy may run obliquely."""
GAIN_PER_MM, MOST_GAIN_MM = 0.05, 5.0
"""Share by which the score must grow where a slice is put back: less proves little. Where anatomy
changes quickly, as at the top of the head, slices find better places that are not theirs."""


def verdict(
    stack: Stack, number: int, placed: Placed | None, tolerance_mm: float
) -> tuple[str, str, float]:
    """Return the state of a slice, why in a few words, and the doubt of its place in mm."""
    if not stack.content[number]:
        return NO_EVIDENCE, "shows too little of the body", float("inf")
    if placed is None:
        return NO_EVIDENCE, "nothing to compare it with", float("inf")
    spread = placed.match.spread_mm
    if spread > MOST_SPREAD_MM:
        return NO_EVIDENCE, "too little structure to tell its place", spread
    one_sided = placed.sides < 2
    doubt = spread + (ONE_SIDED * float(stack.spacing[2]) if one_sided else 0.0)
    distance = displacement_mm(stack, number, placed.match.pose)
    if distance <= tolerance_mm:
        return IN_PLACE, "", doubt
    if distance <= CERTAINTY * doubt or not _gains(placed, distance):
        return NO_EVIDENCE, "may have moved, but not beyond doubt", doubt
    return MOVED, "", doubt


def _gains(placed: Placed, distance: float) -> bool:
    """Whether the score grows as it should when a slice goes back by ``distance`` mm."""
    start, end = placed.score_at_rest, placed.match.score
    share = GAIN_PER_MM * min(distance, MOST_GAIN_MM)
    return end > start + LEAST_GAIN and end > (1 + share) * start
