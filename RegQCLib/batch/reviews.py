"""Decisions that were made on the review page, and their way into the folders of the cases.

The page saves one JSON file: for each case the decision, the reason, the reviewer, the time, and
which result it was ``about``. Of two decisions on a case the later one counts; one about a result
that has changed since counts no more. A decision that was taken back stays in the file as "", so
that an older file does not bring it back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from RegQCLib.batch.case_decision import when
from RegQCLib.batch.case_folder import (
    DECISIONS_FILE,
    STATE_FILE,
    WITHDRAWN,
    CaseFolder,
    write_json,
)
from RegQCLib.batch.manifest import USABLE_ID, Case
from RegQCLib.errors import InputError
from RegQCLib.report.decisions import (
    DECISIONS,
    SIGNATURES,
    CaseDecision,
    Decisions,
    save_decisions,
)

FORMAT, SCHEMA_VERSION = "regqc-reviews", "1.0"
REVIEWS_FILE, CASES_FOLDER = "reviews.json", "cases"
TAKEN_BACK = ""
MOST_NAMES = 5
ABOUT = ("verdict", "error_mean_mm")
"""Columns of a row that tell one result from another."""


@dataclass(frozen=True)
class CaseReview:
    """A reviewer's word on one case. decision: "accepted", "rejected", or "" (taken back).

    time: ISO 8601, UTC, whole seconds. about: the row's columns `ABOUT` when it was made.
    Raises ValueError for another decision, time or type.
    """

    decision: str
    reason: str = ""
    reviewer: str = ""
    time: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("decision", "reason", "reviewer", "time"):
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"its {name} is no text")
        if self.decision not in (*DECISIONS, TAKEN_BACK):
            raise ValueError(f"its decision is {self.decision!r}, not {' or '.join(DECISIONS)}")
        if when(self.time) == datetime.min:
            raise ValueError(f"its time is {self.time!r}, not like 2026-01-31T12:00:00Z")
        if not isinstance(self.about, Mapping):
            raise ValueError("what it is about is no object")

    def is_about(self, row: Mapping[str, Any]) -> bool:
        """Whether the row's result is still the one that was judged."""
        return all(self.about[name] == row.get(name) for name in ABOUT if name in self.about)

    def says(self, case: CaseDecision | None) -> bool:
        """Whether a case's decision is the same word of the same person already."""
        if case is None:
            return self.decision == TAKEN_BACK
        names = ("decision", "reason", "reviewer")
        return all(getattr(self, name) == getattr(case, name) for name in names)

    def is_later_than(self, case: CaseDecision | None, withdrawn: str = "") -> bool:
        """Whether it counts against what is in a case's folder; of equal age it does.

        withdrawn: when a decision was taken back there, "" if none was.
        """
        if case is None:
            return when(self.time) > when(withdrawn)
        return when(self.time) >= when(case.time)


@dataclass(frozen=True)
class Imported:
    """What became of a file's decisions, by ids of cases.

    known: the same was decided already; kept: what is there is newer, and stays.
    """

    taken: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def summary(self) -> str:
        """One line for people."""
        count = len(self.taken)
        facts = [f"{count} {'decision' if count == 1 else 'decisions'} taken over"]
        if self.known:
            facts.append(f"{len(self.known)} known already")
        words = {
            "kept": "older than what was decided since, which stays",
            "outdated": "about a result that has changed since",
            "unknown": "about no case of this run",
        }
        for kind, text in words.items():
            names = getattr(self, kind)
            if names:
                more = ", ..." if len(names) > MOST_NAMES else ""
                facts.append(f"{len(names)} {text} ({', '.join(names[:MOST_NAMES])}{more})")
        return "; ".join(facts)


def read_reviews(path: str | Path) -> dict[str, CaseReview]:
    """Read a file that the review page saved: reviews by the id of the case.

    Raises InputError, one line, when it is missing, damaged or something else.
    """
    file = Path(path)
    advice = "save the decisions again from the review page"
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InputError(f"{file}: no such file; check the path") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); check the file") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file}: is no JSON, or cut off; {advice}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{file}: holds no decisions of RegQC's review page; {advice}")
    if content.get("schema_version") != SCHEMA_VERSION:
        raise InputError(
            f"{file}: has version {content.get('schema_version')}, this RegQC reads "
            f"{SCHEMA_VERSION}; update RegQC"
        )
    cases = content.get("cases")
    if not isinstance(cases, dict):
        raise InputError(f"{file}: is damaged: its cases are no object; {advice}")
    return {name: _review(file, name, value) for name, value in cases.items()}


def save_reviews(reviews: Mapping[str, CaseReview], path: str | Path) -> None:
    """Write reviews as the page does, complete or not at all."""
    cases = {name: asdict(review) for name, review in sorted(reviews.items())}
    content = {"format": FORMAT, "schema_version": SCHEMA_VERSION, "cases": cases}
    write_json(content, Path(path))


def latest(*several: Mapping[str, CaseReview]) -> dict[str, CaseReview]:
    """Join reviews; of two on a case the later one, and of two of one age the latter."""
    joined: dict[str, CaseReview] = {}
    for reviews in several:
        for name, review in reviews.items():
            if name not in joined or when(review.time) >= when(joined[name].time):
                joined[name] = review
    return joined


def import_reviews(
    path: str | Path, folder: str | Path, rows: Iterable[Mapping[str, Any]]
) -> Imported:
    """Take a saved file over into a run's folder, where `regqc batch` and Slicer find it.

    folder: of the run, with ``cases/ID``. rows: of its cases, with the columns `ABOUT`. Every file
    that was taken over is joined into ``reviews.json`` there. Raises InputError when the file is
    damaged, or something cannot be read or written.
    """
    run = Path(folder)
    store = run / REVIEWS_FILE
    known = read_reviews(store) if store.exists() else {}
    reviews = latest(known, read_reviews(path))
    by_id = {str(row["id"]): row for row in rows}
    outcome: dict[str, list[str]] = {one.name: [] for one in fields(Imported)}
    for name, review in sorted(reviews.items()):
        if name not in by_id or not _has_folder(run, name):
            outcome["unknown"].append(name)
        elif not review.is_about(by_id[name]):
            outcome["outdated"].append(name)
        else:
            outcome[_decide(case_folder(run, name), review)].append(name)
    save_reviews(reviews, store)
    return Imported(**{kind: tuple(names) for kind, names in outcome.items()})


def case_folder(run: str | Path, name: str) -> CaseFolder:
    """Return the folder of a case by its id alone; its inputs are not known."""
    return CaseFolder(Path(run) / CASES_FOLDER, Case(name, Path(), Path()))


def decision_columns(decisions: Decisions) -> dict[str, str | None]:
    """Return what a row of the results says of the reader's decision."""
    case = decisions.case
    return {
        "decision": None if case is None else case.decision,
        "decision_reason": None if case is None else case.reason,
        "reviewer": None if case is None else case.reviewer,
        "decision_time": None if case is None else case.time,
    }


def _review(file: Path, name: str, value: Any) -> CaseReview:
    try:
        return CaseReview(**value)
    except (TypeError, ValueError) as error:
        what = str(error) if isinstance(error, ValueError) else "has other entries than a decision"
        raise InputError(
            f"{file}: is damaged: case {name[:40]!r}: {what}; save the decisions again from the "
            "review page"
        ) from error


def _has_folder(run: Path, name: str) -> bool:
    """Whether a case has a place of its own; rows of a manifest that cannot be used have none."""
    return bool(USABLE_ID.fullmatch(name)) and case_folder(run, name).path.is_dir()


def _decide(folder: CaseFolder, review: CaseReview) -> str:
    """Put a review into a case's folder; returns what became of it, a name in `Imported`."""
    decisions = folder.decided()
    if review.says(decisions.case):
        return "known"
    if not review.is_later_than(decisions.case, str(folder.state().get(WITHDRAWN, ""))):
        return "kept"
    words = {name: getattr(review, name) for name in ("decision", "reason", "reviewer", "time")}
    case = None if review.decision == TAKEN_BACK else CaseDecision(**words)
    decided = replace(decisions, case=case)
    _update_row(folder, decided)  # the row first: a crash in between is made good the next time
    save_decisions(decided, folder.path / DECISIONS_FILE)
    return "taken"


def _update_row(folder: CaseFolder, decisions: Decisions) -> None:
    """Let ``case.json``, from which Slicer's worklist lists cases, say the same."""
    state = folder.state()
    if not state:
        return
    case = decisions.case
    names = ("decision", "reason", "comment", "reviewer", "time")
    words = {name: None if case is None else getattr(case, name) for name in names}
    signature = None if case is None else SIGNATURES["unsigned"]
    row = {**state.get("row", {}), **words, "signature": signature}
    kept = {name: value for name, value in state.items() if name != WITHDRAWN}
    write_json({**kept, "row": row}, folder.path / STATE_FILE)
