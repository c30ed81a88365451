"""What a rigid or affine registration found, and how sure it is of having finished."""

from __future__ import annotations

from dataclasses import dataclass

from RegQCLib.geometry.transforms import Affine
from RegQCLib.registration.iterative.affine_parameters import Kind


@dataclass(frozen=True)
class LevelHistory:
    """A descent at one resolution.

    size_mm: of the blocks. points: how many were compared. start, end: values of the measure, less
    is better. overlap: share of the points that had a partner. finished: False when the limit of
    iterations ended it.
    """

    size_mm: float
    points: int
    start: float
    end: float
    iterations: int
    overlap: float
    finished: bool


@dataclass(frozen=True, eq=False)
class AffineResult:
    """A transform from fixed to moving points, RAS mm, and how it was found.

    value_start, value_end: measure where the search began and where it ended, at the finest level,
    less is better; value_start is None where the images did not meet at all. overlap: share of the
    fixed body that the moving image shows. converged: False when the result should not be trusted
    unseen; ``reason`` then says why. starts: motions tried. history: every level on the way to this
    result, from coarse to fine. engine: "torch" or "SimpleITK"; ``note`` says why not torch.
    """

    transform: Affine
    kind: Kind
    measure: str
    value_start: float | None
    value_end: float
    overlap: float
    converged: bool
    reason: str
    starts: int
    history: tuple[LevelHistory, ...]
    engine: str
    note: str
