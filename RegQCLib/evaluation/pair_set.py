"""Several methods on a set of pairs whose labels or landmarks are known: one row each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Literal, get_args

import numpy as np

from RegQCLib.batch.pairs import Pair
from RegQCLib.errors import InputError
from RegQCLib.evaluation.evaluate import evaluate
from RegQCLib.evaluation.methods import Method
from RegQCLib.evaluation.results import Evaluation, finite
from RegQCLib.geometry.transforms import Affine, Transform
from RegQCLib.geometry.volume import Volume
from RegQCLib.inputs import read_inputs
from RegQCLib.progress import Progress, part, silent
from RegQCLib.registration import steps

Start = Literal["given", "rigid", "affine"]
STARTS = get_args(Start)

MEASURES = (
    "dice",
    "hd95_mm",
    "assd_mm",
    "tre_mm",
    "sd_log_jacobian",
    "folded_percent",
    "learn2reg_dice",
    "learn2reg_hd95_voxels",
    "learn2reg_sdlogj",
    "learn2reg_tre_mm",
)


@dataclass(frozen=True)
class Row:
    """One pair by one method.

    seconds: of the registration alone, without reading, start and measuring. values: by the names
    of `MEASURES`; those that were not measured are missing. problem: why there are none, one line.
    """

    id: str
    method: str
    seconds: float | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, eq=False)
class Known:
    """The inputs of one pair."""

    fixed: Volume
    moving: Volume
    transform: Transform
    labels: tuple[Volume, Volume] | None = None
    landmarks: tuple[Any, Any] | None = None
    mask: Volume | None = None


def run_set(
    pairs: Sequence[Pair],
    methods: Sequence[Method],
    *,
    start: Start = "given",
    device: str = "auto",
    progress: Progress = silent,
) -> list[Row]:
    """Register every pair by every method, pair after pair.

    start: where all methods begin: at the ``transform`` of the pair, or after a "rigid" or "affine"
    registration. A pair or method that fails makes a row with a problem, and the rest goes on.
    Raises InputError for an unknown start.
    """
    if start not in STARTS:
        raise InputError(f"methods start at one of {', '.join(STARTS)}, got {start!r}")
    rows: list[Row] = []
    for number, pair in enumerate(pairs):
        span = part(progress, number / len(pairs), (number + 1) / len(pairs))
        try:
            known = _begin(_read(pair), start, device, part(span, 0.0, 0.2))
        except InputError as error:
            rows += [Row(pair.id, method.name, problem=str(error)) for method in methods]
            continue
        for turn, method in enumerate(methods):
            span(f"{pair.id}: {method.name}", 0.2 + 0.8 * turn / len(methods))
            rows.append(_row(pair.id, known, method))
    return rows


def _read(pair: Pair) -> Known:
    if pair.problem:
        raise InputError(pair.problem)
    paths: dict[str, Any] = dict(pair.inputs)
    for role in ("fixed", "moving"):
        if role not in paths:
            raise InputError(f"has no {role} image; name it in the column {role}")
    landmarks = tuple(paths.pop(f"{side}_landmarks", None) for side in ("fixed", "moving"))
    if all(landmarks):
        paths["landmarks"] = landmarks
    elif "fixed_labels" not in paths:
        raise InputError("has neither labels nor landmarks, so that nothing can be measured")
    inputs = read_inputs(paths, silent, flat=True)
    inputs.setdefault("transform", Affine.identity())
    return Known(**inputs)


def _begin(known: Known, start: Start, device: str, progress: Progress) -> Known:
    """The same with the transform that all methods begin at."""
    if start == "given":
        return known
    progress(f"{start} start", 0.0)
    order = steps.Order(known.fixed, known.moving, device=device)
    found = steps.linear(order, start, None, progress)
    return Known(**{**vars(known), "transform": found.transform})


def _row(name: str, known: Known, method: Method) -> Row:
    try:
        before = perf_counter()
        found = method.run(known.fixed, known.moving, known.transform)
        seconds = perf_counter() - before
        result = evaluate(
            known.labels,
            found.transform,
            landmarks=known.landmarks,
            mask=_mask(known),
            learn2reg=known.labels is not None,
        )
    except InputError as error:
        return Row(name, method.name, problem=str(error))
    return Row(name, method.name, seconds, _values(result))


def _mask(known: Known) -> Volume | None:
    """Where the field is measured: the mask, the image of the labels, or the whole fixed image."""
    if known.mask is not None or known.labels is not None:
        return known.mask
    return Volume(np.ones(known.fixed.shape, np.uint8), known.fixed.affine, "the fixed image")


def _values(result: Evaluation) -> dict[str, float]:
    measured: dict[str, float | None] = {
        name: result.mean(name) for name in ("dice", "hd95_mm", "assd_mm")
    }
    if result.landmark_errors_mm is not None:
        measured["tre_mm"] = float(result.landmark_errors_mm.mean())
    if result.jacobian is not None:
        measured["sd_log_jacobian"] = result.jacobian.sd_log
        measured["folded_percent"] = 100 * result.jacobian.folded_fraction
    if result.learn2reg is not None:
        own = result.learn2reg
        measured["learn2reg_dice"] = finite(own.dice.mean)
        measured["learn2reg_hd95_voxels"] = finite(own.hd95_voxels.mean)
        measured["learn2reg_sdlogj"] = own.sdlogj
        measured["learn2reg_tre_mm"] = None if own.tre_mm is None else float(own.tre_mm.mean())
    return {name: value for name, value in measured.items() if value is not None}
