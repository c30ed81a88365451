"""Methods side by side on a set of pairs: means, spread, time, and Learn2Reg's ranking."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from io import StringIO
from pathlib import Path
from statistics import fmean, median, pstdev
from typing import Any

from RegQCLib.evaluation.learn2reg_ranking import (
    QUANTILES,
    aggregate,
    rank_scores,
    significant_losses,
    task_scores,
)
from RegQCLib.evaluation.methods import START
from RegQCLib.evaluation.pair_set import MEASURES, Row

SCHEMA_VERSION = "1.0"
ROWS_FILE, SUMMARY_FILE = "pairs.csv", "comparison.json"

RANKED = {
    "dice": "learn2reg_dice",
    "hd95": "learn2reg_hd95_voxels",
    "tre": "learn2reg_tre_mm",
    "sdlogj": "learn2reg_sdlogj",
}
"""Measures that rank methods, by the challenge's names; TRE without labels is the plain one."""

SHOWN = (
    ("dice", "Dice", 3),
    ("hd95_mm", "HD95 mm", 2),
    ("assd_mm", "ASSD mm", 2),
    ("tre_mm", "TRE mm", 2),
    ("sd_log_jacobian", "SDlogJ", 3),
    ("folded_percent", "folded %", 3),
)
WIDTH = 17  # of a column of the table


@dataclass(frozen=True)
class Standing:
    """One method. pairs: that it registered. mean, sd: over them, by measure.

    seconds: median. learn2reg: mean, SD and "30" quantile of the challenge's measures. rank: its
    score by measure and, "all", their geometric mean, 0.1 to 1; empty where none was ranked.
    """

    name: str
    pairs: int
    mean: dict[str, float]
    sd: dict[str, float]
    seconds: float | None
    learn2reg: dict[str, dict[str, float]]
    rank: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """Result of a set. ranked_pairs: those that every method registered, which rank them."""

    rows: tuple[Row, ...]
    standings: tuple[Standing, ...]
    ranked_pairs: int
    provenance: dict[str, Any]

    @property
    def problems(self) -> list[str]:
        """What failed, one line each."""
        return [f"{row.id}, {row.method}: {row.problem}" for row in self.rows if row.problem]

    def table(self) -> str:
        """Lines for a terminal: mean and SD over the pairs, with units."""
        known = [one for one in SHOWN if any(one[0] in s.mean for s in self.standings)]
        first = max(len("method"), *(len(s.name) for s in self.standings)) + 2
        head = ["pairs", *(title for _, title, _ in known), "seconds", "rank"]
        lines = ["method".ljust(first) + "".join(title.rjust(WIDTH) for title in head)]
        for one in self.standings:
            cells = [str(one.pairs)]
            for name, _, digits in known:
                mean, sd = one.mean.get(name), one.sd.get(name)
                cells.append("-" if mean is None else f"{mean:.{digits}f} ± {sd:.{digits}f}")
            cells.append("-" if one.seconds is None else f"{one.seconds:.2f}")
            cells.append(f"{one.rank['all']:.2f}" if one.rank else "-")
            lines.append(one.name.ljust(first) + "".join(cell.rjust(WIDTH) for cell in cells))
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the content of comparison.json."""
        return {
            "schema_version": SCHEMA_VERSION,
            "methods": [asdict(one) for one in self.standings],
            "ranked_pairs": self.ranked_pairs,
            "problems": self.problems,
            "provenance": self.provenance,
        }

    def rows_csv(self) -> str:
        """Return the text of pairs.csv: a row for every pair and method, empty where unknown."""
        text = StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("id", "method", "seconds", *MEASURES, "problem"))
        for row in self.rows:
            values = [row.seconds, *(row.values.get(name) for name in MEASURES)]
            shown = ["" if value is None else repr(value) for value in values]
            writer.writerow((row.id, row.method, *shown, row.problem))
        return text.getvalue()

    def save(self, folder: str | Path) -> None:
        """Write pairs.csv and comparison.json into ``folder``."""
        summary = json.dumps(self.to_dict(), indent=1, allow_nan=False, ensure_ascii=False) + "\n"
        for name, text in ((ROWS_FILE, self.rows_csv()), (SUMMARY_FILE, summary)):
            (Path(folder) / name).write_text(text, encoding="utf-8", newline="\n")


def compare(rows: Sequence[Row], provenance: dict[str, Any]) -> Comparison:
    """Summarize rows, methods in the order in which they first appear.

    Ranks count the methods that register, not the start, over the pairs that all of them managed.
    """
    names = list(dict.fromkeys(row.method for row in rows))
    failed = {row.id for row in rows if row.problem}
    common = [row for row in rows if row.id not in failed and row.method != START]
    ranks = _ranks(common)
    standings = tuple(
        _standing(name, [row for row in rows if row.method == name], ranks.get(name, {}))
        for name in names
    )
    return Comparison(tuple(rows), standings, len({row.id for row in common}), provenance)


def _standing(name: str, rows: Sequence[Row], rank: dict[str, float]) -> Standing:
    done = [row for row in rows if not row.problem]
    found = {m: [row.values[m] for row in done if m in row.values] for m in MEASURES}
    found = {measure: values for measure, values in found.items() if values}
    seconds = [row.seconds for row in done if row.seconds is not None]
    return Standing(
        name,
        len(done),
        {measure: fmean(values) for measure, values in found.items()},
        {measure: pstdev(values) for measure, values in found.items()},
        median(seconds) if seconds else None,
        {short: aggregate(found[m], short) for short, m in RANKED.items() if m in found},
        rank,
    )


def _ranks(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Scores of each method, by measure and over all; none where there is one method alone."""
    methods = list(dict.fromkeys(row.method for row in rows))
    if len(methods) < 2:
        return {}
    scores: dict[str, list[float]] = {}
    for short in QUANTILES:
        name = RANKED[short]
        if short == "tre" and not any(name in row.values for row in rows):
            name = "tre_mm"
        values = {
            m: [r.values[name] for r in rows if r.method == m and name in r.values] for m in methods
        }
        if all(values.values()) and len({len(v) for v in values.values()}) == 1:
            table = [values[method] for method in methods]
            losses = significant_losses(table, higher_is_better=short == "dice")
            scores[short] = rank_scores(losses).tolist()
    if not scores:
        return {}
    scores["all"] = task_scores(list(scores.values())).tolist()
    return {
        method: {short: values[number] for short, values in scores.items()}
        for number, method in enumerate(methods)
    }
