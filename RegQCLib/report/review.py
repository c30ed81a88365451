"""The signed report: what a check found, what a reader decided, and the files that hold both."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from RegQCLib.errors import InputError
from RegQCLib.qc.alignment_report import VERDICTS, AlignmentReport
from RegQCLib.report.case_csv import case_csv
from RegQCLib.report.decisions import SIGNATURES, Decisions, time_text
from RegQCLib.report.slices_csv import slices_csv

FORMATS = ("html", "print", "json", "csv")
"""Of `Review.save`; "print" is the page that `RegQCUI.pdf_report` turns into a PDF."""
PRINT_FILE = "print.html"
UNDECIDED = "undecided"
CONTRARY = {("aligned", "rejected"), ("misaligned", "accepted")}


@dataclass(frozen=True)
class Review:
    """A check with the decisions on it.

    content: ``report.json`` as the check wrote it, which is what a signature seals.
    case: what the pair is called in a worklist, or "".
    """

    report: AlignmentReport
    content: Mapping[str, Any]
    decisions: Decisions
    case: str = ""

    @property
    def decision(self) -> str:
        """One of "accepted", "rejected" and "undecided"."""
        case = self.decisions.case
        return UNDECIDED if case is None else case.decision

    @property
    def signature(self) -> str:
        """See `Decisions.signature`."""
        return self.decisions.signature(self.content)

    @property
    def heading(self) -> str:
        """The decision and whether it is signed, in words."""
        return f"Reader's decision: {self.decision}, {SIGNATURES[self.signature]}"

    @property
    def note(self) -> str:
        """Where reader and check differ, one sentence; else ""."""
        if (self.report.verdict, self.decision) in CONTRARY:
            return (
                f"The reader {self.decision} what the check calls {VERDICTS[self.report.verdict]}."
            )
        return ""

    @property
    def case_facts(self) -> list[tuple[str, str]]:
        """Name and value of what was decided about the pair."""
        facts = [("Case", self.case)] if self.case else []
        case = self.decisions.case
        if case is None:
            return [*facts, ("Decision", "none yet")]
        facts += [
            ("Reason", case.reason or "none given"),
            ("Comment", case.comment or "none"),
            ("Reader", case.reviewer or "not named"),
            ("Date", time_text(case.time)),
        ]
        if self.signature == "valid":
            facts.append(("Seal (SHA-256 of the check and the decisions)", case.seal))
        return facts

    @property
    def counts(self) -> str:
        """How many slices were accepted and rejected, and how many flags are left, in words."""
        decided = self.decisions.slices
        rejected = sum(one.decision == "rejected" for one in decided)
        open_flags = sum(
            one.flagged and (axis.name, one.index) not in self.decisions.by_place
            for axis in self.report.axes
            for one in axis.slices
        )
        return (
            f"{len(decided) - rejected} accepted, {rejected} rejected, "
            f"{open_flags} flagged ones not decided on"
        )

    def save(self, directory: str | Path, formats: Iterable[str] = FORMATS) -> None:
        """Write report.html, print.html, report.json and decisions.json, slices.csv and case.csv.

        formats: which of `FORMATS`. The folder is made if missing; see `RegQCLib.outputs` for all
        or nothing. Raises InputError for an unknown format or a folder that cannot be written.
        """
        folder = Path(directory).expanduser()
        texts: dict[str, str] = {}
        for name in formats:
            texts |= self._texts(name)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in texts.items():
                (folder / name).write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise InputError(f"{folder}: cannot write the report ({reason})") from error

    def _texts(self, name: str) -> dict[str, str]:
        if name == "html":
            from RegQCLib.report.review_page import render

            return {"report.html": render(self)}
        if name == "print":
            from RegQCLib.report.print_page import render_print

            return {PRINT_FILE: render_print(self)}
        if name == "json":
            report = json.dumps(self.content, indent=1, allow_nan=False, ensure_ascii=False)
            return {"report.json": report + "\n", "decisions.json": self.decisions.to_json()}
        if name == "csv":
            return {
                "slices.csv": slices_csv(self.report.axes, self.decisions),
                "case.csv": case_csv([self.case_row()]),
            }
        raise InputError(f"a format of a report is one of {', '.join(FORMATS)}, got {name!r}")

    def case_row(self) -> dict[str, Any]:
        """The pair as one row of a table; see `case_csv.COLUMNS`."""
        from RegQCLib.report.case_csv import case_row

        return case_row(self.case, self.content, self.decisions)
