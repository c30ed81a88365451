"""Slice scores as a table: one row a slice, empty cells where nothing was measured."""

from __future__ import annotations

import csv
from io import StringIO

from RegQCLib.qc.alignment_report import AxisScores, SliceScore, plain

COLUMNS = (
    "plane",
    "is_acquisition",
    "index",
    "position_mm",
    "probability_misaligned",
    "error_mm",
    "flagged",
)


def slices_csv(axes: list[AxisScores]) -> str:
    """Return the text of ``slices.csv``; numbers are written so that they read back exactly."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for axis in axes:
        writer.writerows(_row(axis, one) for one in axis.slices)
    return text.getvalue()


def _row(axis: AxisScores, one: SliceScore) -> list[str]:
    values = plain(
        [
            axis.name,
            axis.is_acquisition,
            one.index,
            one.position_mm,
            one.probability_misaligned,
            one.error_mm,
            one.flagged,
        ]
    )
    return ["" if value is None else str(value).lower() for value in values]
