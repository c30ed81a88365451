"""What differs between two runs over the same pairs: another model, threshold, or version.

Pairs are matched by id. Differences are B - A, so that negative ones mean that B finds less error.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any

from RegQCLib.batch.diff_measures import (
    ERROR,
    EVALUATED,
    Limits,
    change_name,
    side_by_side,
    spread,
)
from RegQCLib.batch.result_file import DONE, FAILED
from RegQCLib.batch.table import CSV_FILE, KINDS, PENDING
from RegQCLib.errors import InputError
from RegQCLib.qc.alignment_report import VERDICTS

OUTCOMES = (*VERDICTS, DONE, FAILED)
"""What a run says of a pair; "done" without a check, None where it lacks it or is not there yet."""
AGREES = {"accepted": "aligned", "rejected": "misaligned"}
KIND_OF_CHANGE = ("newly failed", "missing in B", "verdict changed", "no longer failed",
                  "missing in A", "error changed", "evaluation changed", "same")  # fmt: skip
"""In the order of a report: what B lost comes first."""
COLUMNS = ("id", "change", "outcome_a", "outcome_b", "probability_a", "probability_b",
           *(name for column in (ERROR, *EVALUATED) for name in side_by_side(column, {}, {})),
           "decision", "reason_b")  # fmt: skip


@dataclass(frozen=True)
class RunTable:
    """The rows of one run by id. name: as the user gave it."""

    name: str
    rows: Mapping[str, Mapping[str, Any]]

    @property
    def versions(self) -> tuple[str, ...]:
        """Versions of RegQC and of the models that made the rows."""
        found = {(row.get("version"), row.get("models")) for row in self.rows.values()}
        return tuple(sorted(" ".join(filter(None, one)) for one in found if one[0]))


@dataclass(frozen=True)
class RunDiff:
    """Two runs side by side.

    pairs: one mapping with `COLUMNS` a pair, changes first. limits: what differs by more counts as
    changed.
    """

    a: RunTable
    b: RunTable
    pairs: tuple[Mapping[str, Any], ...]
    limits: Limits

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many pairs there are of each kind of change."""
        found = Counter(pair["change"] for pair in self.pairs)
        return {kind: found[kind] for kind in KIND_OF_CHANGE}

    @property
    def is_same(self) -> bool:
        """Whether no pair changed."""
        return self.counts["same"] == len(self.pairs)

    @cached_property
    def outcomes(self) -> dict[str, dict[str, int]]:
        """How many pairs have which outcome in A (outer key) and B (inner key)."""
        both = [pair for pair in self.pairs if pair["outcome_a"] and pair["outcome_b"]]
        found = Counter((pair["outcome_a"], pair["outcome_b"]) for pair in both)
        return {a: {b: found[a, b] for b in OUTCOMES} for a in OUTCOMES}

    @cached_property
    def error_change_mm(self) -> dict[str, float] | None:
        """Median, 2.5th and 97.5th percentile of B - A of the mean error; None without a pair."""
        return self._spread(ERROR)

    @cached_property
    def evaluation(self) -> dict[str, dict[str, float]]:
        """The same of the columns `EVALUATED` that are in both runs, by column."""
        found = {column: self._spread(column) for column in EVALUATED}
        return {column: one for column, one in found.items() if one is not None}

    def _spread(self, column: str) -> dict[str, float] | None:
        return spread(pair[change_name(column)] for pair in self.pairs)

    @cached_property
    def agreement(self) -> dict[str, int] | None:
        """How many of the decided pairs A and B judge as the reader did; None without decisions."""
        decided = [pair for pair in self.pairs if pair["decision"] in AGREES]
        if not decided:
            return None
        agree = {
            side: sum(pair[f"outcome_{side}"] == AGREES[pair["decision"]] for pair in decided)
            for side in ("a", "b")
        }
        return {"decided": len(decided), **agree}

    def to_dict(self) -> dict[str, Any]:
        """Return everything, for programs."""
        return {
            "a": {"name": self.a.name, "pairs": len(self.a.rows), "versions": self.a.versions},
            "b": {"name": self.b.name, "pairs": len(self.b.rows), "versions": self.b.versions},
            "large_change_mm": self.limits.mm,
            "large_change_dice": self.limits.dice,
            "counts": self.counts,
            "outcomes": self.outcomes,
            "error_change_mm": self.error_change_mm,
            "evaluation_change": self.evaluation,
            "agreement": self.agreement,
            "pairs": [dict(pair) for pair in self.pairs],
        }


def compare(a: RunTable, b: RunTable, limits: Limits | None = None) -> RunDiff:
    """Compare two runs. limits: smaller changes of numbers are not reported.

    Raises InputError when they have no pair in common.
    """
    limits = limits or Limits()
    if not a.rows.keys() & b.rows.keys():
        raise InputError(f"{a.name} and {b.name} have no pair in common; compare runs of one list")
    names = dict.fromkeys((*a.rows, *b.rows))
    pairs = [_pair(name, a.rows.get(name), b.rows.get(name), limits) for name in names]
    return RunDiff(a, b, tuple(sorted(pairs, key=_order)), limits)


def read_run(path: str | Path) -> RunTable:
    """Read the rows of a run: its folder, or the CSV in it.

    Raises InputError when there is none, it is damaged, or an id is there twice.
    """
    given = Path(path)
    file = given / CSV_FILE if given.is_dir() else given
    advice = "give the folder that `regqc batch` wrote"
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            found = list(reader)
            columns = reader.fieldnames or ()
    except FileNotFoundError:
        raise InputError(f"{file}: no such file; {advice}") from None
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{file}: cannot be read as a table; {advice}") from error
    missing = [name for name in ("id", "status", "verdict", "error_mean_mm") if name not in columns]
    if missing:
        raise InputError(f"{file}: has no column {missing[0]}; {advice}")
    rows: dict[str, dict[str, Any]] = {}
    for number, cells in enumerate(found, start=2):
        row = _row(file, number, cells)
        if row["id"] in rows:
            raise InputError(f"{file}: the id {row['id']!r} is there twice; {advice}")
        rows[row["id"]] = row
    return RunTable(str(path), rows)


def _row(file: Path, number: int, cells: Mapping[str, str]) -> dict[str, Any]:
    """Return values of the columns that are compared; None for empty cells."""
    row: dict[str, Any] = {}
    for name, text in cells.items():
        if KINDS.get(name) is not float:
            row[name] = text or None
            continue
        try:
            row[name] = float(text) if text else None
        except ValueError:
            raise InputError(
                f"{file}: row {number}: {name} is {text[:40]!r}, no number; run the batch again"
            ) from None
    if not row["id"] or not row["status"] or None in cells:
        raise InputError(f"{file}: row {number} is damaged; run the batch again")
    return row


def _pair(
    name: str, a: Mapping[str, Any] | None, b: Mapping[str, Any] | None, limits: Limits
) -> dict[str, Any]:
    one, other = a or {}, b or {}
    numbers: dict[str, float | None] = {}
    for column in (ERROR, *EVALUATED):
        numbers |= side_by_side(column, one, other)
    before, after = _outcome(a), _outcome(b)
    return {
        "id": name,
        "change": _kind_of_change(before, after, numbers, limits),
        "outcome_a": before,
        "outcome_b": after,
        "probability_a": one.get("probability_misaligned"),
        "probability_b": other.get("probability_misaligned"),
        **numbers,
        "decision": other.get("decision") or one.get("decision"),
        "reason_b": other.get("reason"),
    }


def _outcome(row: Mapping[str, Any] | None) -> str | None:
    if row is None or row["status"] == PENDING:
        return None
    return FAILED if row["status"] == FAILED else row["verdict"] or DONE


def _kind_of_change(
    before: str | None, after: str | None, numbers: Mapping[str, float | None], limits: Limits
) -> str:
    if before is None or after is None:
        return "missing in A" if before is None else "missing in B"
    if before != after:
        if FAILED in (before, after):
            return "newly failed" if after == FAILED else "no longer failed"
        return "verdict changed"
    if limits.exceeded(ERROR, numbers[change_name(ERROR)]):
        return "error changed"
    evaluated = any(limits.exceeded(one, numbers[change_name(one)]) for one in EVALUATED)
    return "evaluation changed" if evaluated else "same"


def _order(pair: Mapping[str, Any]) -> tuple[float, ...]:
    sizes = (-abs(pair[change_name(column)] or 0.0) for column in (ERROR, *reversed(EVALUATED)))
    return KIND_OF_CHANGE.index(pair["change"]), *sizes


def diff_csv(pairs: Iterable[Mapping[str, Any]]) -> str:
    """Return one row a pair, `COLUMNS`; cells are empty where nothing is known."""
    text = StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(pairs)
    return text.getvalue()
