"""Deformable registration: a predicted or discrete start, then Gauss-Newton from coarse to fine.

Every step gathers what the images ask for at the control points of a spline and solves it together
with the stiffness, so that few steps are enough. Across contrasts MIND descriptors begin; once they
have brought structures together, the moving image is translated into the fixed contrast and local
correlation finishes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.transforms import Composite, Transform
from RegQCLib.geometry.volume import Volume
from RegQCLib.progress import Progress, silent
from RegQCLib.registration.iterative.affine_images import block_factors
from RegQCLib.registration.iterative.affine_torch import torch_device
from RegQCLib.registration.iterative.control_grid import ControlGrid, extended
from RegQCLib.registration.iterative.deformable_descent import Descent, Iteration
from RegQCLib.registration.iterative.deformable_field import covering_grid, dense_field, polished
from RegQCLib.registration.iterative.deformable_inputs import (
    blending,
    check_between_slices,
    check_choice,
    check_images,
    check_stiffness,
    check_weights,
    label_maps,
    landmark_pairs,
)
from RegQCLib.registration.iterative.deformable_pair import BETWEEN_SLICES, Pair, prepare
from RegQCLib.registration.iterative.deformable_schedule import (
    BENDING,
    MEASURES,
    Measure,
    Stage,
    finest_voxels,
    stages,
)
from RegQCLib.registration.iterative.deformable_terms import Forces, Landmarks
from RegQCLib.registration.iterative.first_guess import Guess, first_guess
from RegQCLib.registration.iterative.folding import unfolded
from RegQCLib.registration.iterative.motion import Model

Motions = Literal["displacement", "velocity"]
MODELS: tuple[Motions, ...] = ("displacement", "velocity")

DIFFUSION = 1e-3  # 1/mm^2, as a share of the bending: counts beyond 200 mm
FAR_MM = 1.0
"""A landmark that is further off than this in the end is named."""


@dataclass(frozen=True, eq=False)
class DeformableResult:
    """What `register_deformable` found.

    transform: fixed-space to moving-space points, RAS mm, the initial transform included; inverse:
    the other way. history: every step. start: whether a network "predicted" where it began, or it
    was "searched". folded_fraction: share of the fixed voxels at which the
    deformation folds. limits: what held the result back, in words.
    """

    transform: Transform
    inverse: Transform
    history: tuple[Iteration, ...]
    start: str
    folded_fraction: float
    limits: tuple[str, ...]


def register_deformable(
    fixed: Volume,
    moving: Volume,
    *,
    init: Transform | None = None,
    fixed_weights: Volume | None = None,
    moving_weights: Volume | None = None,
    between_slices: float = BETWEEN_SLICES,
    region: Volume | None = None,
    landmarks: tuple[ArrayLike, ArrayLike] | None = None,
    fixed_labels: Volume | None = None,
    moving_labels: Volume | None = None,
    stiffness: Volume | None = None,
    measure: Measure = "auto",
    model: Motions = "displacement",
    inverse_consistent: bool = False,
    max_memory_gb: float | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress = silent,
) -> DeformableResult:
    """Deform until ``moving`` matches ``fixed``; two volumes, or two slices of one voxel.

    init: fixed-space to moving-space points, where to start. fixed_weights, moving_weights: how far
    each voxel is to be trusted, 0 not at all (masks). between_slices: how much a voxel counts that
    was interpolated between slices of a thick moving stack, above 0; 1 as much as one on a slice.
    As masked similarity in SparseVM (Lewis et al., 2018, section 2.1), but never to nothing.
    region: nonzero where the deformation may act; it fades out within `BLEND_MM` around, and beyond
    nothing changes. landmarks: (N, 3) fixed and moving points that belong together, RAS mm.
    fixed_labels, moving_labels: maps whose equal numbers belong together.
    stiffness: factor on the regularization, above 0; more keeps tissue from bending.
    measure: one of `MEASURES`; "auto" takes any two contrasts. model: "velocity" flows along a
    stationary velocity field and never folds. inverse_consistent: both images pull alike, so that
    it hardly matters which is fixed; implies "velocity".
    max_memory_gb: coarser voxels are taken where finer ones need more. seed: of the random codes
    that stand for many labels.
    Raises InputError for inputs that cannot be registered, one line that says what to do.
    """
    check_choice("measure", measure, MEASURES)
    check_choice("model", model, MODELS)
    check_images(fixed, moving)
    check_weights(fixed_weights)
    check_weights(moving_weights)
    check_stiffness(stiffness)
    check_between_slices(between_slices)
    place = torch_device(device)
    finest_mm, coarser = finest_voxels(fixed.grid, measure, max_memory_gb)
    progress("preparing", 0.0)
    pair = prepare(
        fixed,
        moving,
        init,
        finest_mm=finest_mm,
        fixed_weights=fixed_weights,
        moving_weights=moving_weights,
        between_slices=between_slices,
        reach=not inverse_consistent,
        device=place,
    )
    springs = landmark_pairs(landmarks, pair, init)
    forces = Forces(
        pair,
        symmetric=inverse_consistent,
        labels=label_maps(fixed_labels, moving_labels, pair, init, seed),
        landmarks=springs,
    )
    factors = block_factors(fixed.grid, finest_mm)
    ramp = None if region is None else blending(region, fixed.grid, factors)
    movable = Model(pair, velocity=model == "velocity" or inverse_consistent, ramp=ramp)
    trusted = fixed_weights is None and moving_weights is None
    with torch.no_grad():
        guess = first_guess(movable, forces, predict=measure == "auto" and trusted)
        plan = stages(measure, pair.voxel_mm)
        descent, history = _descend(
            movable, forces, stiffness, BENDING[measure], plan, guess, progress
        )
        grid = covering_grid(fixed.grid, factors)
        progress("writing the field", 0.95)
        coefficients, field, before, folded = unfolded(
            descent.coefficients, descent.control, movable, grid
        )
        back = dense_field(coefficients, descent.control, movable, grid, backward=True)
        back = polished(back, field, place)
    limits = [text for text in (coarser, _folds(before, folded)) if text]
    limits += _far_landmarks(springs, pair, field)
    return DeformableResult(
        transform=field if init is None else Composite([field, init]),
        inverse=back if init is None else Composite([init.inverse(), back]),
        history=tuple(history),
        start="predicted" if guess.learned else "searched",
        folded_fraction=folded,
        limits=tuple(limits),
    )


def _descend(
    model: Model,
    forces: Forces,
    stiffness: Volume | None,
    bending: float,
    plan: list[Stage],
    guess: Guess,
    progress: Progress,
) -> tuple[Descent, list[Iteration]]:
    """Go through the stages of ``plan``."""
    pair = model.pair

    def stiffness_at(control: ControlGrid) -> Tensor | None:
        return None if stiffness is None else extended(pair.on_nodes(stiffness, control))

    start = (guess.control, guess.coefficients)
    descent = Descent(model, *start, bending, DIFFUSION, stiffness_at)
    history: list[Iteration] = []
    planned = sum(stage.iterations for stage in plan)
    for number, stage in enumerate(plan):
        done = sum(earlier.iterations for earlier in plan[:number])
        descent.refine(control_grid(pair, stage.spacing * descent.closeness))
        shift = model.motion(descent.control).displacement(descent.coefficients)
        terms = forces.of(stage, descent.control, shift)
        tick = _ticker(progress, done / planned, 1 / planned)
        history += descent.run(stage, terms, stage.factor * pair.voxel_mm, tick)
        if stage.adapts:
            descent.adapt()
    return descent, history


def control_grid(pair: Pair, voxels: float) -> ControlGrid:
    """Control points every ``voxels`` of the shortest side, though not closer than slices are."""
    steps = tuple(max(voxels * pair.voxel_mm, step) for step in pair.whole.spacing)
    return ControlGrid(pair.extent, steps)


def _ticker(progress: Progress, start: float, share: float) -> Callable[[], None]:
    """Return a function that reports one more iteration each time it is called."""
    count = 0

    def tick() -> None:
        nonlocal count
        progress("deforming", 0.1 + 0.85 * min(1.0, start + count * share))
        count += 1

    return tick


def _folds(before: float, after: float) -> str:
    if before == 0 and after == 0:
        return ""
    if after == 0:
        return f"folds at {before:.2%} of the voxels were smoothed away"
    return f"the deformation folds at {after:.2%} of the voxels; a velocity model does not"


def _far_landmarks(springs: Landmarks | None, pair: Pair, field: DisplacementField) -> list[str]:
    """Name the landmarks that were not met."""
    if springs is None:
        return []
    moved = pair.to_frame(field.apply(springs.world))
    left = np.linalg.norm(moved - springs.targets, axis=1)
    return [
        f"landmark {number + 1} is still {left[number]:.1f} mm off; look at its place"
        for number in np.flatnonzero(left > FAR_MM)
    ]
