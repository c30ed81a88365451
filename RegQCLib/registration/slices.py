"""Slices of a stack that moved while it was acquired: found, and put back where they belong.

With a reference (any contrast) a slice is matched to it, in its plane or rigidly in 3-D (slice to
volume registration). Without one, slices are compared with their neighbors: most are assumed not to
have moved, and motion across the slices cannot be seen.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from RegQCLib import __version__
from RegQCLib.errors import InputError
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.validation import require_image_content
from RegQCLib.geometry.volume import Volume
from RegQCLib.progress import Progress, part, silent
from RegQCLib.qc.stopwatch import Stopwatch
from RegQCLib.registration.slice_match import pose_point, turn_of
from RegQCLib.registration.slice_measurements import (
    Placed,
    against_neighbors,
    against_reference,
    from_poses,
    levels_of,
)
from RegQCLib.registration.slice_poses import displacement_mm
from RegQCLib.registration.slice_rebuild import FILLED, UNKNOWN, rebuild
from RegQCLib.registration.slice_repair import SliceMotion, SliceRepair
from RegQCLib.registration.slice_stack import Stack, stack_of
from RegQCLib.registration.slice_verdict import MOVED, NO_EVIDENCE, NOT_EXAMINED, verdict

FloatArray = NDArray[np.float64]
Model = Literal["in-plane", "rigid"]

MODELS = ("in-plane", "rigid")
TOLERANCE_MM = 1.0
FEWEST_SLICES = 5
LARGE_OFFSET_MM = 3.0  # of the whole stack from its reference, that is worth a word


def fix_slices(
    volume: Volume,
    reference: Volume | None = None,
    *,
    slices: Sequence[int] | None = None,
    axis: str | int | None = None,
    model: Model = "in-plane",
    tolerance_mm: float = TOLERANCE_MM,
    progress: Progress = silent,
) -> SliceRepair:
    """Find slices of ``volume`` that moved and put them back where they belong.

    reference: a volume of the same body, any contrast and grid, that did not move; it should lie
    within some 8 mm of the stack. Without it, neighbors are the witnesses.
    slices: numbers of those that may have moved; all by default. axis: plane of the slices by name,
    or array axis (0 k, 1 j, 2 i); by default the one along which voxels are clearly longest.
    model: "in-plane", or "rigid" (six parameters), which needs a reference. tolerance_mm: root mean
    square displacement over the body up to which a slice is in place.
    Slices that say too little are left alone. Planes of slices that did not move stay as they are.
    Raises InputError for inputs of which this cannot be said.
    """
    stack = _checked(volume, reference, axis, model, tolerance_mm)
    may_move = _may_move(stack, slices)
    watch = Stopwatch()
    baseline = None
    with watch.stage("matching"):
        if reference is None:
            placed = against_neighbors(stack, may_move, part(progress, 0.0, 0.9))
        else:
            placed, baseline = against_reference(
                stack, reference, model, may_move, part(progress, 0.0, 0.8)
            )
            if model == "in-plane":
                _ask_neighbors(stack, placed, may_move, tolerance_mm, part(progress, 0.8, 0.9))
    motions = [
        _motion(stack, number, placed.get(number), bool(may_move[number]), tolerance_mm)
        for number in range(stack.count)
    ]
    moved = np.array([one.state == MOVED for one in motions])
    poses = {
        n: placed[n].match.pose if moved[n] else np.eye(4)
        for n in range(stack.count)
        if moved[n] or stack.content[n]
    }
    with watch.stage("resampling"):
        progress("putting slices back", 0.9)
        array, source = rebuild(stack, poses, moved)
    for number in np.flatnonzero(moved):
        kinds = np.moveaxis(source, stack.axis, 0)[number][stack.body[number]]
        motions[number].filled_fraction = float(np.isin(kinds, (FILLED, UNKNOWN)).mean())
    options: dict[str, Any] = {"model": model, "tolerance_mm": tolerance_mm, "plane": stack.plane}
    options["slices"] = None if slices is None else [int(one) for one in slices]
    versions = {"RegQC": __version__, "python": platform.python_version(), "numpy": np.__version__}
    return SliceRepair(
        original=volume,
        corrected=volume.with_array(array),
        source=Volume(source, volume.affine, "source"),
        plane=stack.plane,
        model=model,
        reference=None if reference is None else reference.name,
        motions=motions,
        notes=_notes(stack, motions, baseline),
        timing_s={**watch.seconds, "total": round(sum(watch.seconds.values()), 4)},
        provenance={"versions": versions, "options": options},
    )


def _checked(
    volume: Volume,
    reference: Volume | None,
    axis: str | int | None,
    model: str,
    tolerance_mm: float,
) -> Stack:
    if model not in MODELS:
        raise InputError(f"slices move {' or '.join(MODELS)}, got {model!r}")
    if model == "rigid" and reference is None:
        raise InputError(
            "rigid motion of slices needs a reference: neighbors do not show how far a slice moved "
            "across its plane; give --reference, or use the in-plane model"
        )
    if not 0 < tolerance_mm < float("inf"):
        raise InputError(f"the tolerance must be a positive number of mm, got {tolerance_mm:g}")
    for image in (volume, reference):
        if image is not None:
            require_image_content(image)
    stack = stack_of(volume, axis)
    if stack.count < FEWEST_SLICES:
        raise InputError(
            f"{volume.name}: {stack.count} {stack.plane} slices; at least {FEWEST_SLICES} are "
            "needed to tell which of them moved"
        )
    if not stack.content.any():
        raise InputError(f"{volume.name}: shows no body; give an image with contrast")
    return stack


def _may_move(stack: Stack, slices: Sequence[int] | None) -> NDArray[np.bool_]:
    result = np.full(stack.count, slices is None)
    for number in () if slices is None else slices:
        if not 0 <= number < stack.count:
            raise InputError(
                f"{stack.volume.name}: has {stack.plane} slices 0 to {stack.count - 1}, no slice "
                f"{number}"
            )
        result[number] = True
    return result


def _ask_neighbors(
    stack: Stack,
    placed: dict[int, Placed],
    may_move: NDArray[np.bool_],
    tolerance_mm: float,
    progress: Progress,
) -> None:
    """Let neighbors speak for slices that the reference does not show."""
    states = {n: verdict(stack, n, placed.get(n), tolerance_mm)[0] for n in range(stack.count)}
    unseen = np.array(
        [bool(stack.content[n]) and states[n] == NO_EVIDENCE for n in range(stack.count)]
    )
    if not unseen.any() or unseen[stack.content].all():
        return
    poses = {
        n: placed[n].match.pose if states[n] == MOVED else np.eye(4)
        for n in map(int, np.flatnonzero(stack.content))
    }
    level = levels_of(stack)[1]
    placed.update(from_poses(stack, level, poses, may_move & unseen, progress))


def _motion(
    stack: Stack, number: int, placed: Placed | None, asked: bool, tolerance_mm: float
) -> SliceMotion:
    """Say in world coordinates what was found of a slice."""
    state, reason, doubt = verdict(stack, number, placed, tolerance_mm)
    if not asked:
        state, reason = NOT_EXAMINED, ""
    position = float(stack.positions_mm()[number])
    if placed is None or not asked:
        return SliceMotion(number, position, state, reason)
    away = np.asarray(
        np.linalg.inv(placed.match.pose), np.float64
    )  # from where it belongs to where it lies
    center = stack.centers[number]
    axes = stack.to_world[:3, :3]
    # a rotation vector changes its sign under the reflection to left-handed axes
    turn = np.linalg.det(axes) * axes @ turn_of(away)
    world = stack.to_world @ away @ np.linalg.inv(stack.to_world)
    shift = axes @ (pose_point(away, center) - center)
    return SliceMotion(
        number,
        position,
        state,
        reason,
        transform=Affine(world) if state == MOVED else Affine.identity(),
        displacement_mm=displacement_mm(stack, number, placed.match.pose),
        shift_mm=(float(shift[0]), float(shift[1]), float(shift[2])),
        rotation_deg=(
            float(np.degrees(turn[0])),
            float(np.degrees(turn[1])),
            float(np.degrees(turn[2])),
        ),
        doubt_mm=doubt,
        score_before=placed.score_at_rest,
        score_after=placed.match.score,
        witness=placed.witness,
    )


def counted(number: int) -> str:
    """Return "1 slice", "2 slices"."""
    return f"{number} slice{'' if number == 1 else 's'}"


def _notes(stack: Stack, motions: list[SliceMotion], baseline: FloatArray | None) -> list[str]:
    """Say what limits the result."""
    notes = []
    moved = sum(one.state == MOVED for one in motions)
    silent_ones = sum(one.state == NO_EVIDENCE for one in motions)
    if silent_ones:
        notes.append(f"left alone for want of evidence: {counted(silent_ones)}")
    if moved > 0.4 * int(stack.content.sum()):
        notes.append(
            f"{moved} of {int(stack.content.sum())} slices count as moved: where about half of "
            "them did, which half lies in place is a guess"
        )
    if baseline is not None:
        offset = float(np.median(np.linalg.norm(baseline, axis=1)))
        if offset > LARGE_OFFSET_MM:
            notes.append(
                f"the stack as a whole lies {offset:.1f} mm off the reference; it was left there: "
                "register it to correct that"
            )
    return notes
