"""Registration that checks itself: measure, register, measure again, and keep what is better."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np

from RegQCLib import __version__
from RegQCLib.errors import InputError
from RegQCLib.evaluation.inverse_consistency import inverse_consistency
from RegQCLib.geometry.foreground import body_mask
from RegQCLib.geometry.resample import resample
from RegQCLib.geometry.transforms import Affine, Transform, simplified
from RegQCLib.geometry.validation import require_image_content
from RegQCLib.geometry.volume import Volume
from RegQCLib.progress import Progress, part, silent
from RegQCLib.qc.check import check
from RegQCLib.qc.stopwatch import Stopwatch
from RegQCLib.registration.registration import Judged, Registration

KINDS = ("rigid", "similarity", "affine")
WORSE_MM = 0.3  # by which the estimated error may grow before a result counts as worse


@dataclass(frozen=True)
class Step:
    """A transform on the way from the start to the result."""

    name: str
    transform: Transform
    inverse: Transform
    limits: tuple[str, ...] = ()
    metrics: dict[str, Any] = field(default_factory=dict)
    history: Any = None


def register(
    fixed: Volume,
    moving: Volume,
    kind: str = "rigid",
    *,
    init: Transform | None = None,
    fixed_mask: Volume | None = None,
    moving_mask: Volume | None = None,
    tolerance_mm: float | None = None,
    device: str = "auto",
    seed: int = 0,
    engine: str = "auto",
    progress: Progress = silent,
) -> Registration:
    """Align ``moving`` to ``fixed`` and say how well that worked.

    kind: "rigid", "similarity" (rigid and one scale) or "affine". init: fixed-space to
    moving-space points, where to start; linear.
    fixed_mask, moving_mask: nonzero where to compare. tolerance_mm: as in `check`.
    engine: "torch", "SimpleITK" or, by default, torch where it is installed.
    A result that the check finds worse than the start, or that no body could follow, is not
    returned: the best step before it is, and ``limits`` says so.
    Raises InputError for an unknown kind and for inputs that cannot be registered.
    """
    if kind not in KINDS:
        raise InputError(f"a registration is one of {', '.join(KINDS)}, got {kind!r}")
    for volume in (fixed, moving):
        require_image_content(volume)
    init = None if init is None else simplified(init)
    if not isinstance(init, Affine | None):
        raise InputError(
            f"a {kind} registration starts from a linear transform, and the given one bends; "
            "leave it out, or give its linear part"
        )
    watch = Stopwatch()
    judge = partial(_judge, fixed, moving, tolerance_mm=tolerance_mm, device=device)
    with watch.stage("check before"):
        before = judge(init, progress=part(progress, 0.0, 0.1))
    with watch.stage(kind):
        found = _linear(
            fixed,
            moving,
            kind,
            init,
            fixed_mask=fixed_mask,
            moving_mask=moving_mask,
            device=device,
            engine=engine,
            seed=seed,
            progress=part(progress, 0.1, 0.8),
        )
    steps = [_start(init), found]
    with watch.stage("check after"):
        chosen, after, limits = _best(steps, before, judge, part(progress, 0.8, 0.95))
    with watch.stage("resampling"):
        moved_before, moved = (
            resample(moving, fixed.grid, step.transform, outside=float(moving.array.min()))
            for step in (steps[0], chosen)
        )
    options = {"kind": kind, "device": device, "seed": seed, "tolerance_mm": tolerance_mm}
    return Registration(
        kind=kind,
        transform=chosen.transform,
        inverse=chosen.inverse,
        fixed=fixed,
        moved=moved,
        moved_before=moved_before,
        before=before,
        after=after,
        kept=chosen.name,
        limits=limits,
        metrics=_metrics(fixed, chosen, after),
        history={step.name: step.history for step in steps if step.history is not None},
        timing_s={**watch.seconds, "total": round(sum(watch.seconds.values()), 4)},
        provenance=_provenance(options, before, after),
    )


def _judge(
    fixed: Volume,
    moving: Volume,
    transform: Transform | None,
    *,
    tolerance_mm: float | None,
    device: str,
    progress: Progress,
) -> Judged:
    """Check one state; a pair that cannot be checked yet (no overlap) may still be registered."""
    try:
        report = check(
            fixed, moving, transform, tolerance_mm=tolerance_mm, device=device, progress=progress
        )
    except InputError as error:
        return Judged(None, str(error))
    return Judged(report)


def _start(init: Transform | None) -> Step:
    transform = Affine.identity() if init is None else init
    return Step("start", transform, transform.inverse())


def _linear(fixed: Volume, moving: Volume, kind: Any, init: Any, **options: Any) -> Step:
    from RegQCLib.registration.iterative.affine import register_affine

    found = register_affine(fixed, moving, kind=kind, init=init, **options)
    limits = [f"{kind}: {text}" for text in (found.reason, found.note) if text]
    metrics = {
        "engine": found.engine,
        "measure": found.measure,
        "measure_start": found.value_start,
        "measure_end": found.value_end,
        "compared_share": found.overlap,
    }
    history = [asdict(level) for level in found.history]
    return Step(kind, found.transform, found.transform.inverse(), tuple(limits), metrics, history)


def _best(
    steps: list[Step], before: Judged, judge: Callable[..., Judged], progress: Progress
) -> tuple[Step, Judged, tuple[str, ...]]:
    """The last step that made it better, how it was judged, and why later ones were dropped."""
    dropped: list[str] = []
    for number, step in enumerate(reversed(steps[1:])):
        after = judge(step.transform, progress=part(progress, number / len(steps), 1.0))
        why = _worse(before, after)
        if not why:
            limits = [*step.limits, *dropped]
            if after.verdict == "misaligned":
                limits.append("the check still finds the result misaligned")
            elif after.verdict == "cannot_tell":
                limits.append("the check cannot tell whether the result is right")
            return step, after, tuple(limits)
        dropped.append(f"the {step.name} result was dropped: {why}")
    return steps[0], before, tuple(dropped)


def _worse(before: Judged, after: Judged) -> str:
    """Why a result is worse than the start, or ""."""
    if not after.plausible:
        reasons = after.report.field["reasons"] if after.report and after.report.field else []
        return "no body could follow its transform: " + "; ".join(reasons)
    if after.report is None and before.report is not None:
        return after.reason
    start, end = before.error_mm, after.error_mm
    if start is not None and end is not None and end > start + WORSE_MM:
        return f"its estimated error grew from {start:.1f} to {end:.1f} mm"
    return ""


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
    if after.report is not None:
        result["similarity"] = dict(after.report.similarity)
        if after.report.field is not None:
            result["sd_log_jacobian"] = after.report.field.get("sd_log_jacobian")
            result["folded_fraction"] = after.report.field.get("folded_fraction")
    return result


def _provenance(options: dict[str, Any], before: Judged, after: Judged) -> dict[str, Any]:
    report = after.report or before.report
    versions = {"RegQC": __version__, "python": platform.python_version()}
    if report is None:
        return {"versions": versions, "options": options}
    kept = {name: report.provenance[name] for name in ("versions", "models", "inputs")}
    return {**kept, "options": options}
