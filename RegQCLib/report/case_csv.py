"""Checked and decided pairs as a table: one row a case."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from io import StringIO
from typing import Any

from RegQCLib.qc.alignment_report import VERDICTS
from RegQCLib.report.decisions import SIGNATURES, Decisions

COLUMNS = (
    "id",
    "verdict",
    "probability_misaligned",
    "error_mean_mm",
    "error_low_mm",
    "error_high_mm",
    "error_p95_mm",
    "slices_flagged",
    "slices_accepted",
    "slices_rejected",
    "decision",
    "reason",
    "comment",
    "reviewer",
    "time",
    "signature",
)


def case_row(case: str, report: Mapping[str, Any] | None, decisions: Decisions) -> dict[str, Any]:
    """Return a row for one case. report: content of ``report.json``, None where not checked."""
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row["id"] = case
    if report is not None:
        error = report["error_mm"] or {"mean": None, "p95": None, "interval": (None, None)}
        row |= {
            "verdict": VERDICTS[report["verdict"]],
            "probability_misaligned": report["probability_misaligned"],
            "error_mean_mm": error["mean"],
            "error_low_mm": error["interval"][0],
            "error_high_mm": error["interval"][1],
            "error_p95_mm": error["p95"],
            "slices_flagged": sum(s["flagged"] for a in report["axes"] for s in a["slices"]),
        }
    rejected = sum(one.decision == "rejected" for one in decisions.slices)
    row |= {"slices_accepted": len(decisions.slices) - rejected, "slices_rejected": rejected}
    if decisions.case is not None:
        for name in ("decision", "reason", "comment", "reviewer", "time"):
            row[name] = getattr(decisions.case, name)
        row["signature"] = SIGNATURES[decisions.signature(report)]
    return row


def case_csv(table: Iterable[Mapping[str, Any]]) -> str:
    """Return rows of `case_row` as text; cells are empty where nothing is known."""
    text = StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue()
