"""What a check says about a pair, as columns of the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from RegQCLib.qc.alignment_report import AlignmentReport


def check_columns(report: AlignmentReport) -> dict[str, Any]:
    """Return the columns; None stands for what was not measured."""
    error, field = report.error_mm, report.field or {}
    by_plane = {
        axis.name: [one.index for one in axis.slices if one.flagged] for axis in report.axes
    }
    return {
        "reason": " ".join(report.reason.split()),
        "verdict": report.verdict,
        "probability_misaligned": report.probability_misaligned,
        "error_mean_mm": None if error is None else error.mean,
        "error_low_mm": None if error is None else error.interval[0],
        "error_high_mm": None if error is None else error.interval[1],
        "error_p95_mm": None if error is None else error.p95,
        "flagged_slices": sum(len(found) for found in by_plane.values()),
        "flagged": flagged_text(by_plane),
        "field_plausible": field.get("plausible"),
        "folded_fraction": field.get("folded_fraction"),
        "sd_log_jacobian": field.get("sd_log_jacobian"),
    }


def flagged_text(by_plane: dict[str, list[int]]) -> str:
    """Return numbers of slices as people write them: ``axial 3-7 12; coronal 40``."""
    return "; ".join(
        f"{plane} {' '.join(_ranges(found))}" for plane, found in by_plane.items() if found
    )


def _ranges(numbers: list[int]) -> list[str]:
    ranges: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return [str(first) if first == last else f"{first}-{last}" for first, last in ranges]
