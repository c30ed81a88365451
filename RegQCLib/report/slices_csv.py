"""Slice scores as a table: one row a slice, empty cells where nothing was measured."""

from __future__ import annotations

import csv
from io import StringIO

from RegQCLib.qc.alignment_report import AxisScores, SliceScore, plain
from RegQCLib.report.decisions import Decisions

COLUMNS = (
    "plane",
    "is_acquisition",
    "index",
    "position_mm",
    "probability_misaligned",
    "error_mm",
    "flagged",
)

DECISION_COLUMNS = ("decision", "reason", "comment", "reviewer", "time")


def slices_csv(axes: list[AxisScores], decisions: Decisions | None = None) -> str:
    """Return the text of ``slices.csv``; numbers are written so that they read back exactly.

    decisions: a reader's, which add `DECISION_COLUMNS`.
    """
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS if decisions is None else COLUMNS + DECISION_COLUMNS)
    for axis in axes:
        for one in axis.slices:
            writer.writerow(_row(axis, one) + _decided(axis, one, decisions))
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


def _decided(axis: AxisScores, one: SliceScore, decisions: Decisions | None) -> list[str]:
    if decisions is None:
        return []
    found = decisions.by_place.get((axis.name, one.index))
    return ["" if found is None else getattr(found, name) for name in DECISION_COLUMNS]
