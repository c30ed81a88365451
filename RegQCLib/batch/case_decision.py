"""Which of two words on one case counts: the review page's and Slicer's may cross.

A case that is open in Slicer is saved again when it is left, and its decision may have been made
elsewhere since it was opened. What was there when it was opened tells who changed something.
"""

from __future__ import annotations

from datetime import datetime

from RegQCLib.report.decisions import CaseDecision

TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def joined(
    ours: CaseDecision | None, opened: CaseDecision | None, there: CaseDecision | None
) -> CaseDecision | None:
    """Return what counts, None where the case is undecided.

    ours: to be saved; opened: what it began from; there: on disk now. Where both were changed the
    later one counts, and taking back what has been replaced meanwhile takes back nothing.
    """
    if there == opened:
        return ours
    if ours is None or ours == opened:
        return there
    return ours if there is None or when(ours.time) >= when(there.time) else there


def when(time: str) -> datetime:
    """Return a decision's time (UTC); text that is none is older than any."""
    try:
        return datetime.strptime(time, TIME_FORMAT)  # all are UTC
    except ValueError:
        return datetime.min
