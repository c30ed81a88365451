"""The comparison of two runs as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from RegQCLib.batch.diff import OUTCOMES, RunDiff, RunTable
from RegQCLib.batch.diff_measures import ERROR, EVALUATED, change_name, spread_text
from RegQCLib.qc.alignment_report import VERDICTS

MOST_LINES = 50
MISSING = "-"


def lines(diff: RunDiff, *, most: int = MOST_LINES) -> Iterator[str]:
    """Yield the summary, the verdicts side by side, and the pairs that changed.

    most: of the pairs, so many; the rest is counted.
    """
    yield _run("A", diff.a)
    yield _run("B", diff.b)
    yield ""
    both = sum(sum(row.values()) for row in diff.outcomes.values())
    facts = [f"{count} {kind}" for kind, count in diff.counts.items() if count and kind != "same"]
    yield f"{both} pairs in both runs; {', '.join(facts) or 'nothing changed'}"
    if diff.error_change_mm is not None:
        yield spread_text(ERROR, diff.error_change_mm)
    for column, found in diff.evaluation.items():
        yield spread_text(column, found)
    if diff.agreement is not None:
        agree = diff.agreement
        yield f"as the reader decided: A {agree['a']}, B {agree['b']} of {agree['decided']} pairs"
    yield ""
    yield from _outcomes(diff)
    yield from _pairs(diff, most)


def _run(letter: str, run: RunTable) -> str:
    made = f"; RegQC {', '.join(run.versions)}" if run.versions else ""
    return f"{letter}: {run.name} ({len(run.rows)} pairs{made})"


def _outcomes(diff: RunDiff) -> Iterator[str]:
    """Rows: A; columns: B; only outcomes that occur."""
    seen = [
        name
        for name in OUTCOMES
        if sum(diff.outcomes[name].values()) or sum(row[name] for row in diff.outcomes.values())
    ]
    table = [["A \\ B", *(_words(name) for name in seen)]]
    table += [[_words(a), *(str(diff.outcomes[a][b]) for b in seen)] for a in seen]
    yield from _aligned(table, left=1)


def _pairs(diff: RunDiff, most: int) -> Iterator[str]:
    shown = [pair for pair in diff.pairs if pair["change"] != "same"]
    if not shown:
        return
    evaluated = {column: words for column, words in EVALUATED.items() if column in diff.evaluation}
    names = [f"{w} B - A{' mm' if c.endswith('_mm') else ''}" for c, w in evaluated.items()]
    table = [["pair", "change", "A", "B", "A mm", "B mm", "B - A mm", *names]]
    table += [_cells(pair, evaluated) for pair in shown[:most]]
    yield ""
    yield from _aligned(table, left=4)
    if len(shown) > most:
        yield f"and {len(shown) - most} more; --format csv has all"


def _cells(pair: Mapping[str, Any], evaluated: Iterable[str]) -> list[str]:
    numbers = [pair[f"{ERROR}_{side}"] for side in ("a", "b")]
    changes = [(column, pair[change_name(column)]) for column in (ERROR, *evaluated)]
    return [
        pair["id"],
        pair["change"],
        *(_words(pair[f"outcome_{side}"]) for side in ("a", "b")),
        *(MISSING if value is None else f"{value:.2f}" for value in numbers),
        *(
            MISSING if value is None else f"{value:+.{2 if column.endswith('_mm') else 3}f}"
            for column, value in changes
        ),
    ]


def _aligned(table: Sequence[Sequence[str]], *, left: int) -> Iterator[str]:
    """Pad cells; the first ``left`` columns hold words, the others numbers."""
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    for row in table:
        cells = [
            c.ljust(w) if i < left else c.rjust(w)
            for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _words(outcome: str | None) -> str:
    return MISSING if outcome is None else VERDICTS.get(outcome, outcome)
