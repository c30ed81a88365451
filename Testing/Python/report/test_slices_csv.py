"""The CSV table reads back to the same slices."""

from __future__ import annotations

import csv
from io import StringIO

from report.support import cannot_tell, make_report

from RegQCLib.qc.alignment_report import SliceScore
from RegQCLib.report.slices_csv import COLUMNS


def number(text):
    return float(text) if text else None


def test_slices_read_back_exactly():
    report = make_report()
    rows = list(csv.DictReader(StringIO(report.to_csv())))
    expected = [(axis, one) for axis in report.axes for one in axis.slices]
    assert len(rows) == len(expected) == 30 + 26 + 12
    for row, (axis, one) in zip(rows, expected, strict=True):
        assert row["plane"] == axis.name
        assert (row["is_acquisition"] == "true") == axis.is_acquisition
        assert one == SliceScore(
            int(row["index"]),
            float(row["position_mm"]),
            number(row["probability_misaligned"]),
            number(row["error_mm"]),
            {"true": True, "false": False}[row["flagged"]],
        )


def test_without_slices_the_header_remains():
    assert cannot_tell().to_csv() == ",".join(COLUMNS) + "\n"
