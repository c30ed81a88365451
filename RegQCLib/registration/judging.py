"""How a registration judges its own steps: by the check, and by likeness where that cannot tell."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from RegQCLib.errors import InputError
from RegQCLib.geometry.foreground import body_mask
from RegQCLib.geometry.resample import coverage, resample
from RegQCLib.geometry.transforms import Transform
from RegQCLib.geometry.volume import Volume
from RegQCLib.progress import Progress
from RegQCLib.qc.alignment_report import AlignmentReport
from RegQCLib.qc.check import check
from RegQCLib.similarity.nmi import normalized_mutual_information

SUMMARY = ("verdict", "reason", "probability_misaligned", "error_mm")

WORSE_MM = 0.3
"""By which the estimated error may grow, within its own uncertainty, before a result is worse."""

LESS_ALIKE = 0.9
"""A result is worse when less than this share of the mutual information remains."""

SINGLE_SLICES = "the check needs volumes, and these are single slices: look at the pictures"

LEAST_COMMON = 0.05  # share of the body below which likeness means nothing


@dataclass(frozen=True)
class Judged:
    """A check of one state of a pair; report is None where it could not be checked, reason why.

    likeness: normalized mutual information over the common body, 1 to 2, or None.
    """

    report: AlignmentReport | None
    reason: str = ""
    likeness: float | None = None

    @property
    def verdict(self) -> str:
        """One of "aligned", "misaligned" and "cannot_tell"."""
        return "cannot_tell" if self.report is None else self.report.verdict

    @property
    def error_mm(self) -> float | None:
        """Estimated mean error, mm, or None."""
        if self.report is None or self.report.error_mm is None:
            return None
        return self.report.error_mm.mean

    @property
    def plausible(self) -> bool:
        """Whether the transform, if any, could be that of a body."""
        return (
            self.report is None or self.report.field is None or bool(self.report.field["plausible"])
        )

    def summary(self) -> dict[str, Any]:
        """The four values of ``report.json`` of a check."""
        if self.report is None:
            return dict.fromkeys(SUMMARY) | {"verdict": "cannot_tell", "reason": self.reason}
        whole = self.report.to_dict()
        return {name: whole[name] for name in SUMMARY}


def judge(
    fixed: Volume,
    moving: Volume,
    transform: Transform | None,
    *,
    inverse: Transform | None = None,
    tolerance_mm: float | None,
    between_people: bool = False,
    device: str,
    progress: Progress,
) -> Judged:
    """Check one state; a pair that cannot be checked (no overlap, 2-D) may still be registered."""
    if min(*fixed.shape, *moving.shape) == 1:
        return Judged(None, SINGLE_SLICES, likeness(fixed, moving, transform))
    try:
        report = check(
            fixed,
            moving,
            transform,
            inverse=inverse,
            tolerance_mm=tolerance_mm,
            between_people=between_people,
            device=device,
            progress=progress,
        )
    except InputError as error:
        return Judged(None, str(error), likeness(fixed, moving, transform))
    known = _known_likeness(report)
    # a registration holds several checks at once, and draws its own pictures
    report = replace(report, error_map=None, displacement=None)
    return Judged(report, likeness=known)


def worse(before: Judged, after: Judged) -> str:
    """Why a result is worse than what was there before, or ""."""
    if not after.plausible:
        reasons = after.report.field["reasons"] if after.report and after.report.field else []
        return "no body could follow its transform: " + "; ".join(reasons)
    start, end = before.error_mm, after.error_mm
    if start is not None and end is not None:
        if end > start + WORSE_MM:
            return f"its estimated error grew from {start:.1f} to {end:.1f} mm"
        if (before.verdict, after.verdict) == ("aligned", "misaligned"):
            return "the check calls it misaligned, and what it started from aligned"
        return ""
    if before.verdict == "aligned":
        return f"the start of this step was aligned, and now the check cannot tell: {_why(after)}"
    if after.report is None and before.report is not None:
        return _why(after)
    if before.likeness is not None and after.likeness is not None:
        left = (after.likeness - 1) / max(before.likeness - 1, 1e-9)
        if left < LESS_ALIKE:
            return f"the images share {left:.0%} of the information that they shared before"
    return ""


def likeness(fixed: Volume, moving: Volume, transform: Transform | None) -> float | None:
    """Normalized mutual information where both images show the fixed body, or None."""
    body = body_mask(fixed)
    common = body & coverage(moving.grid, fixed.grid, transform)
    if common.sum() <= LEAST_COMMON * body.sum():
        return None
    moved = resample(moving, fixed.grid, transform)
    return normalized_mutual_information(fixed.array, moved.array, common)


def _known_likeness(report: AlignmentReport) -> float | None:
    """As measured by the check; a few voxels seem to share much, whatever they show."""
    value = report.similarity.get("nmi")
    compared = report.overlap["fixed_body_compared"] > LEAST_COMMON
    return value if compared and value is not None and math.isfinite(value) else None


def _why(judged: Judged) -> str:
    return judged.reason if judged.report is None else judged.report.reason
