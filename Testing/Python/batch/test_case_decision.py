"""Which word on a case counts when Slicer and the review page were both at it."""

from __future__ import annotations

import pytest

from RegQCLib.batch.case_decision import joined, when
from RegQCLib.report.decisions import CaseDecision

EARLY, LATE = (
    CaseDecision(word, reviewer=who, time=f"2026-03-0{day}T10:00:00Z")
    for word, who, day in (("accepted", "S", 1), ("rejected", "R", 2))
)
ODD = CaseDecision("accepted", time="some day")


@pytest.mark.parametrize(("ours", "opened", "there", "counts"), [
    (None, None, None, None),
    (EARLY, None, None, EARLY),  # decided here
    (EARLY, LATE, LATE, EARLY),  # changed here, whatever the clocks say
    (None, EARLY, EARLY, None),  # taken back here
    (None, None, LATE, LATE),  # decided there, unknown here
    (EARLY, EARLY, LATE, LATE),  # changed there
    (EARLY, EARLY, None, None),  # taken back there
    (None, EARLY, LATE, LATE),  # taken back here what was replaced there
    (EARLY, None, LATE, LATE),  # decided twice: the later one
    (LATE, None, EARLY, LATE),
    (ODD, None, EARLY, EARLY),  # a time that is none is older than any
    (LATE, EARLY, None, LATE),  # decided anew here, taken back there
])  # fmt: skip
def test_what_counts(ours, opened, there, counts):
    assert joined(ours, opened, there) == counts


def test_times_are_compared_as_such():
    assert when(EARLY.time) < when(LATE.time)
    assert when("") < when(EARLY.time)
