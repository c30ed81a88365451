"""The page of a signed report: the reader's decision first, then the whole page of the check."""

from __future__ import annotations

from typing import Any

from RegQCLib.qc.alignment_report import SliceScore
from RegQCLib.report.decisions import SliceDecision, time_text
from RegQCLib.report.html import page_content, pair_of, slice_row, template
from RegQCLib.report.plane_view import position_text
from RegQCLib.report.review import Review
from RegQCLib.report.wording import number

TEMPLATE = "review.html.j2"
COLUMNS = ("Slice", "Position", "Estimated error", "Flagged", "Decision", "Reason", "Comment",
           "Reader", "Date")  # fmt: skip
MOST_PICTURED = 6


def render(review: Review) -> str:
    """Return the whole page."""
    pair = pair_of(review.report)
    rejected = [one for one in review.decisions.slices if one.decision == "rejected"]
    scores = scores_by_place(review)
    shown = [
        slice_row(review.report, pair, one.plane, scores.get(one.place, _unscored(one)))
        for one in rejected[:MOST_PICTURED]
    ]
    return template(TEMPLATE).render(
        **page_content(review.report, pair),
        heading=review.heading,
        decision=review.decision,
        note=review.note,
        case_facts=review.case_facts,
        counts=review.counts,
        columns=COLUMNS,
        decided=decided_rows(review),
        rejected={"rows": shown, "more": len(rejected) - len(shown)},
    )


def decided_rows(review: Review) -> list[dict[str, Any]]:
    """Return the table of decided slices, in order of `COLUMNS`: cells, the decision, words."""
    scores = scores_by_place(review)
    return [
        {
            "cells": [
                f"{one.plane.capitalize()} {one.index}",
                position_text(one.plane, one.position_mm),
                number(scores.get(one.place, _unscored(one)).error_mm, unit="mm"),
                "yes" if scores.get(one.place, _unscored(one)).flagged else "no",
            ],
            "decision": one.decision,
            "rejected": one.decision == "rejected",
            "words": [one.reason, one.comment, one.reviewer, time_text(one.time)],
        }
        for one in review.decisions.slices
    ]


def scores_by_place(review: Review) -> dict[tuple[str, int], SliceScore]:
    """Return the check's scores by plane and index."""
    return {(axis.name, one.index): one for axis in review.report.axes for one in axis.slices}


def _unscored(one: SliceDecision) -> SliceScore:
    """Return a slice that the check has no score for."""
    return SliceScore(one.index, one.position_mm, None, None, False)
