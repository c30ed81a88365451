"""Figures of a run: per task and method, and beside the best peer of the same run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from Testing.Benchmarks.registration.cases import CAPTURE
from Testing.Benchmarks.registration.measures import SUCCESS_MM
from Testing.Benchmarks.registration.peers import OURS, REGQC

Row = dict[str, Any]

MEANS = ("tre_mean", "tre_p95", "dice", "folds", "sdlogj", "inverse_mean")
MEDIANS = ("wall_s", "registration_cpu_s", "process_s", "cpu_s")


def summarize(rows: Sequence[Row]) -> dict[str, dict[str, Row]]:
    """Per task, the figures of every method, in the order of the rows.

    tre_mean, dice and so on: means over cases that have them; worst_tre: largest tre_mean.
    wall_s, process_s, cpu_s and, of peers, registration_cpu_s: medians. peak_gb: largest.
    success: share of all cases with a mean error below 2 mm. accuracy_ratio, wall_ratio: to the
    best peer, see `against_best_peer`. Beside the methods, ``start`` is before registration and
    ``truth`` what the true transform scores.
    """
    tasks = dict.fromkeys(row["task"] for row in rows)
    result = {}
    for task in tasks:
        mine = [row for row in rows if row["task"] == task]
        names = sorted({row["method"] for row in mine}, key=lambda name: (name != REGQC, name))
        figures = {name: figures_of([r for r in mine if r["method"] == name]) for name in names}
        against_best_peer(figures)
        result[task] = {"start": _known(mine, "start"), "truth": _known(mine, "truth"), **figures}
    return result


def figures_of(rows: Sequence[Row]) -> Row:
    """One method on one task."""
    figures: Row = {"cases": len(rows), "failed": sum(bool(row["error"]) for row in rows)}
    figures |= {name: _over(rows, name, np.mean) for name in MEANS}
    figures |= {name: _over(rows, name, np.median) for name in MEDIANS}
    figures["worst_tre"] = _over(rows, "tre_mean", np.max)
    figures["peak_gb"] = _over(rows, "peak_gb", np.max)
    if any(row["start"].get("tre_mean") is not None for row in rows):
        figures["success"] = _success(rows)
    if rows[0]["task"] == CAPTURE:
        for name, whole in (("success_whole", True), ("success_cropped", False)):
            some = [row for row in rows if (row["facts"]["overlap"] == 1) == whole]
            figures[name] = _success(some) if some else None
    return figures


def against_best_peer(figures: dict[str, Row]) -> None:
    """Add ratios to the most accurate peer: by error where there is a truth, else by 1 - Dice.

    Below 1 is better, in accuracy_ratio as in wall_ratio.
    """
    peers = {name: _loss(row) for name, row in figures.items() if name not in OURS}
    known = {name: loss for name, loss in peers.items() if loss is not None}
    if not known:
        return
    best = min(known, key=known.__getitem__)
    for row in figures.values():
        row["best_peer"] = best
        row["accuracy_ratio"] = _ratio(_loss(row), known[best])
        row["wall_ratio"] = _ratio(row["wall_s"], figures[best]["wall_s"])


def _loss(row: Row) -> float | None:
    if row["tre_mean"] is not None:
        return float(row["tre_mean"])
    return None if row["dice"] is None else 1 - float(row["dice"])


def _success(rows: Sequence[Row]) -> float:
    return float(np.mean([row.get("tre_mean", np.inf) < SUCCESS_MM for row in rows]))


def _known(rows: Sequence[Row], what: str) -> Row:
    """Means over the cases of what is known of each, once a case."""
    cases = list({row["case"]: row[what] for row in rows}.values())
    return {name: _over(cases, name, np.mean) for name in ("tre_mean", "tre_p95", "dice")}


def _over(rows: Sequence[Row], name: str, how: Any) -> float | None:
    values = [row[name] for row in rows if row.get(name) is not None]
    return float(how(values)) if values else None


def _ratio(ours: float | None, theirs: float | None) -> float | None:
    return None if ours is None or not theirs else ours / theirs
