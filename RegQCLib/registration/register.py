"""Registration that checks itself: measure, register, measure again, and keep what is better."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from RegQCLib import __version__
from RegQCLib.evaluation.inverse_consistency import inverse_consistency
from RegQCLib.geometry.foreground import body_mask
from RegQCLib.geometry.memory import release_unused
from RegQCLib.geometry.resample import resample
from RegQCLib.geometry.transform_checks import require_plausible_transform
from RegQCLib.geometry.transforms import Affine, Transform
from RegQCLib.geometry.validation import require_image_content
from RegQCLib.geometry.volume import Volume
from RegQCLib.progress import Progress, part, silent
from RegQCLib.qc.stopwatch import Stopwatch
from RegQCLib.registration.judging import Judged, judge, worse
from RegQCLib.registration.preprocess import Preprocessing
from RegQCLib.registration.registration import Registration
from RegQCLib.registration.steps import (
    LINEAR_KINDS,
    Order,
    Step,
    deformable,
    learned,
    learned_model,
    linear,
    load_engine,
    start,
)

if TYPE_CHECKING:
    from RegQCLib.registration.networks.model_file import LoadedModel

CHECK_SHARE, LINEAR_SHARE = 0.1, 0.2  # of the time, beside the last step

Judge = Callable[..., Judged]
Engine = Callable[[Transform, Progress], Step]


def register(
    fixed: Volume,
    moving: Volume,
    kind: str = "rigid",
    *,
    init: Transform | None = None,
    fixed_mask: Volume | None = None,
    moving_mask: Volume | None = None,
    region: Volume | None = None,
    landmarks: tuple[ArrayLike, ArrayLike] | None = None,
    labels: tuple[Volume, Volume] | None = None,
    stiffness: Volume | None = None,
    measure: str | None = None,
    model: str | None = None,
    inverse_consistent: bool = False,
    max_memory_gb: float | None = None,
    weights: str | Path | None = None,
    preprocessing: Preprocessing | None = None,
    tolerance_mm: float | None = None,
    between_people: bool = False,
    device: str = "auto",
    seed: int = 0,
    engine: str = "auto",
    progress: Progress = silent,
) -> Registration:
    """Align ``moving`` to ``fixed`` and say how well that worked.

    fixed, moving: two volumes, or two single slices, which the check cannot judge.
    kind: "rigid", "similarity" (rigid and one scale), "affine", "deformable", or the name of a
    network with the file of its trained model as ``weights``; an affine registration precedes these
    unless ``init`` is given. init: fixed-space to moving-space points, where to start; linear for
    linear kinds. fixed_mask, moving_mask: nonzero where to compare.
    measure: one of those of the engine; by default mutual information for linear motions, and for
    deformations what suits any two contrasts. engine: "torch", "SimpleITK" (linear kinds) or, by
    default, torch where it is installed. tolerance_mm, between_people: as in
    `check`.
    For deformations only: region: nonzero where the images may deform. landmarks: (N, 3) fixed and
    moving points that belong together, RAS mm. labels: fixed and moving label map. stiffness:
    factor on the regularization. model: "displacement" or "velocity", which never folds.
    inverse_consistent: the same result with the images exchanged. max_memory_gb: for that step, of
    a network too.

    A step after which the check finds things worse than before, or that no body could follow, is
    not returned: what was there before it is, and ``limits`` says so.
    Raises InputError for inputs that cannot be registered and options that do not fit the kind.
    """
    prepared = preprocessing or Preprocessing()
    for volume in (fixed, moving):
        if min(volume.shape) > 1:  # of single slices the engines ask the same
            require_image_content(volume)
    notes = [] if init is None else require_plausible_transform(init, fixed.grid, moving.grid)
    watch = Stopwatch()
    with watch.stage("preprocessing"):
        images = [
            prepared.apply(image, mask)
            for image, mask in ((fixed, fixed_mask), (moving, moving_mask))
        ]
    order = Order(
        images[0][0],
        images[1][0],
        fixed_mask=fixed_mask,
        moving_mask=moving_mask,
        measure=measure,
        device=device,
        engine=engine,
        seed=seed,
        region=region,
        landmarks=landmarks,
        labels=labels,
        stiffness=stiffness,
        model=model,
        inverse_consistent=inverse_consistent,
        max_memory_gb=max_memory_gb,
        weights=weights,
    )
    order.require_kind(kind, init)
    judged = partial(
        judge,
        fixed,
        moving,
        tolerance_mm=tolerance_mm,
        between_people=between_people,
        device=device,
    )
    with watch.stage("loading the engine"):
        load_engine(engine)
        trained = learned_model(order, kind)
    with watch.stage("check before"):
        before = judged(init, progress=part(progress, 0.0, CHECK_SHARE))
    steps, chosen, after, limits = _run(
        start(init), before, _engines(kind, order, init, trained), judged, watch, progress
    )
    with watch.stage("resampling"):
        moved_before, moved = (
            resample(moving, fixed.grid, transform, outside=float(moving.array.min()))
            for transform in (init, chosen.transform)
        )
    return Registration(
        kind=kind,
        transform=chosen.transform,
        inverse=chosen.inverse,
        fixed=fixed,
        moving_grid=moving.grid,
        moved=moved,
        moved_before=moved_before,
        before=before,
        after=after,
        kept=chosen.name,
        limits=(*notes, *limits),
        metrics=_metrics(fixed, chosen, after),
        history={step.name: step.history for step in steps},
        timing_s={**watch.seconds, "total": round(sum(watch.seconds.values()), 4)},
        provenance=_provenance(
            _options(kind, order, prepared)
            | {"tolerance_mm": tolerance_mm, "between_people": between_people},
            {"fixed": images[0][1], "moving": images[1][1]}
            | {f"compared by {step.name}": step.compared for step in steps},
            before,
            after,
        ),
    )


def _engines(
    kind: str, order: Order, init: Transform | None, trained: LoadedModel | None
) -> dict[str, Engine]:
    """What runs, by name and in turn; each from where the one before it has led."""

    def move(name: str, transform: Transform, progress: Progress) -> Step:
        # Without a start given, it searches.
        given = transform if init is not None and isinstance(transform, Affine) else None
        wanted = order if name == kind else replace(order, measure=None)
        return linear(wanted, name, given, progress)

    if kind in LINEAR_KINDS:
        return {kind: partial(move, kind)}
    engines: dict[str, Engine] = {} if init is not None else {"affine": partial(move, "affine")}
    last = partial(deformable, order) if trained is None else partial(learned, order, trained)
    return engines | {kind: last}


def _run(
    first: Step,
    before: Judged,
    engines: dict[str, Engine],
    judged: Judge,
    watch: Stopwatch,
    progress: Progress,
) -> tuple[list[Step], Step, Judged, tuple[str, ...]]:
    """All steps, the last one that made it no worse, its check, and what limited it."""
    best, found = first, before
    steps: list[Step] = []
    limits: list[str] = []
    for name, run, begin, end in _spans(engines):
        release_unused()
        with watch.stage(name):
            step = run(best.transform, part(progress, begin, end - CHECK_SHARE))
        with watch.stage(f"check after {name}"):
            after = judged(
                step.transform,
                inverse=step.inverse,
                progress=part(progress, end - CHECK_SHARE, end),
            )
        release_unused()
        steps.append(step)
        limits += step.limits
        why = worse(found, after)
        if why:
            limits.append(f"the {name} result was dropped: {why}")
        else:
            best, found = step, after
    if found.verdict == "misaligned":
        limits.append(f"the check still finds it misaligned after the {best.name} step")
    elif found.verdict == "cannot_tell":
        limits.append("the check cannot tell whether the result is right")
    return steps, best, found, tuple(limits)


def _spans(engines: dict[str, Engine]) -> Iterator[tuple[str, Engine, float, float]]:
    """Engines with the part of the progress that belongs to each; the last one takes longest."""
    begin = CHECK_SHARE
    for number, (name, run) in enumerate(engines.items()):
        last = number == len(engines) - 1
        end = 0.95 if last else begin + LINEAR_SHARE + CHECK_SHARE
        yield name, run, begin, end
        begin = end


def _metrics(fixed: Volume, step: Step, after: Judged) -> dict[str, Any]:
    """Numbers on the transform that was kept."""
    body = np.argwhere(body_mask(fixed))[:, ::-1]
    points = fixed.grid.to_world(body[:: max(1, len(body) // 20_000)])
    length = np.linalg.norm(step.transform.apply(points) - points, axis=1)
    error = inverse_consistency(step.transform, step.inverse, points)
    result = {
        **step.metrics,
        "mean_displacement_mm": float(length.mean()),
        "max_displacement_mm": float(length.max()),
        "inverse_consistency_mm": float(error.mean()) if error.size else None,
    }
    if after.report is None:
        result["similarity"] = {"nmi": after.likeness}
    else:
        result["similarity"] = dict(after.report.similarity)
        if after.report.field is not None:
            result["sd_log_jacobian"] = after.report.field.get("sd_log_jacobian")
            result["folded_fraction"] = after.report.field.get("folded_fraction")
    return result


def _options(kind: str, order: Order, prepared: Preprocessing) -> dict[str, Any]:
    """What was asked for, in plain values."""
    return {
        "kind": kind,
        "measure": order.measure,
        "model": order.model,
        "inverse_consistent": order.inverse_consistent,
        "region": None if order.region is None else order.region.name,
        "stiffness": None if order.stiffness is None else order.stiffness.name,
        "labels": None if order.labels is None else [one.name for one in order.labels],
        "landmarks": None if order.landmarks is None else len(np.asarray(order.landmarks[0])),
        "max_memory_gb": order.max_memory_gb,
        "weights": None if order.weights is None else Path(order.weights).name,
        "clip_percentiles": prepared.clip,
        "resample_mm": prepared.resample_mm,
        "crop": prepared.crop,
        "device": order.device,
        "engine": order.engine,
        "seed": order.seed,
    }


def _provenance(
    options: dict[str, Any], preprocessing: dict[str, Any], before: Judged, after: Judged
) -> dict[str, Any]:
    report = after.report or before.report
    own = {"options": options, "preprocessing": preprocessing}
    if report is None:
        return {"versions": {"RegQC": __version__, "python": platform.python_version()}} | own
    return {name: report.provenance[name] for name in ("versions", "models", "inputs")} | own
