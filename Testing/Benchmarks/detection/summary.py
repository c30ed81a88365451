"""Figures from the rows of a run. See README.md of this folder's parent for what each one means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from RegQCLib.qc.calibration import load_calibration
from RegQCLib.qc.inference import WEIGHTS
from Testing.Benchmarks.detection.metrics import (
    NAN,
    auroc,
    auroc_interval,
    best_threshold,
    confusion,
    expected_calibration_error,
    mean_absolute_error,
    rate_interval,
)
from Testing.Benchmarks.detection.moves import SIZES_MM, THROUGH
from Testing.Benchmarks.detection.plan import ALIGNED, CORRECTED, NATURAL, SLICE

Row = dict[str, Any]
Slice = dict[str, Any]

SLICE_BIN = (0.75, 1.25)  # a slice counts for a size when its own mean displacement is this near
LABELS_MM = (0.25, 1.0, 2.0)  # other displacements from which a pair counts as misaligned, for ECE
FINE = "up to 1.5 mm"


def summarize(rows: Sequence[Row], methods: Sequence[str]) -> dict[str, Any]:
    """All tables of a run, by method; NaN where a figure has no data."""
    moves = [r for r in rows if r["kind"] not in (SLICE, NATURAL, CORRECTED)]
    known = [r for r in moves if r["group"] == "aligned"]
    return {
        "detection": {m: _detection(_of(known, m)) for m in methods},
        "stress": {
            m: _detection(_of([r for r in moves if r["group"] == "stress"], m)) for m in methods
        },
        "borderline": [_short(r) for r in moves if r["group"] == "borderline"],
        "natural": [_short(r) for r in rows if r["kind"] in (NATURAL, CORRECTED)],
        "single_slice": {m: single_slice(_of(rows, m)) for m in methods},
    }


def _detection(rows: Sequence[Row]) -> dict[str, Any]:
    """Figures over all rows, by spacing class, organ and contrast pair."""
    result = {"all": _block(rows, intervals=True)}
    for key in ("spacing_class", "organ", "contrast"):
        values = sorted({r[key] for r in rows})
        result[key] = {
            value: _block([r for r in rows if r[key] == value], intervals=key != "contrast")
            for value in values
        }
    fine = [r for r in rows if r["spacing_class"] != "thick"]
    result["spacing_class"][FINE] = _block(fine, intervals=True)
    for organ in sorted({r["organ"] for r in fine}):
        members = [r for r in fine if r["organ"] == organ]
        result["organ"][f"{organ}, {FINE}"] = _block(members, intervals=True)
    return result


def _block(rows: Sequence[Row], *, intervals: bool) -> dict[str, Any]:
    still = [r for r in rows if r["kind"] == ALIGNED]
    sizes = {}
    for size in (*SIZES_MM, THROUGH):
        moved = [r for r in rows if _has_size(r, size)]
        if moved and still:
            sizes[str(size)] = _size_block(still, moved, size, intervals=intervals)
    return {
        "aligned": len(still),
        "subjects": len({r["subject"] for r in rows}),
        "sizes": sizes,
        "verdicts": _verdicts(rows),
        "slices_flagged": _flagged(rows),
        "calibration": _calibration(rows),
        "mae_mm": _mae(rows),
        "seconds": float(np.mean([r["seconds"] for r in rows])) if rows else NAN,
    }


def _size_block(
    still: Sequence[Row], moved: Sequence[Row], size: float | str, *, intervals: bool
) -> dict[str, Any]:
    together = [*still, *moved]
    result: dict[str, Any] = {
        "moved": len(moved),
        "auroc": image_auroc(together),
        "slice_auroc": slice_auroc(still, moved, size),
        "slice_auroc_acquisition": slice_auroc(still, moved, size, acquisition_only=True),
        "border_fraction": float(np.mean([r["border_fraction"] for r in moved])),
        "confusion": image_confusion(together).to_dict(),
        "mae_mm": _mae(moved),
    }
    if intervals:
        result["auroc_interval"] = auroc_interval(
            [r["kind"] != ALIGNED for r in together],
            [r["score"] for r in together],
            [r["subject"] for r in together],
        )
    return result


def image_auroc(rows: Sequence[Row]) -> float:
    """AUROC of moved against aligned versions."""
    return auroc(
        [r["score"] for r in rows if r["kind"] != ALIGNED],
        [r["score"] for r in rows if r["kind"] == ALIGNED],
    )


def slice_auroc(
    still: Sequence[Row],
    moved: Sequence[Row],
    size: float | str,
    *,
    acquisition_only: bool = False,
) -> float:
    """AUROC of slices whose own mean displacement is near ``size`` against aligned pairs' slices.

    The slices come from the cases moved by about that much; for "through" every slice counts.
    """
    low, high = (0.0, np.inf) if isinstance(size, str) else tuple(size * b for b in SLICE_BIN)
    off = [
        s for s in _slices(moved, acquisition_only=acquisition_only) if low <= s["true_mm"] <= high
    ]
    on = _slices(still, acquisition_only=acquisition_only)
    return auroc([s["score"] for s in off], [s["score"] for s in on])


def image_confusion(rows: Sequence[Row]) -> Any:
    """By the shipped verdict, or by the best threshold on these rows for a method without one."""
    truth = [r["kind"] != ALIGNED for r in rows]
    if all(r["verdict"] is not None for r in rows):
        return confusion(truth, [r["verdict"] == "misaligned" for r in rows])
    scores = np.array([r["score"] for r in rows])
    return confusion(truth, scores >= best_threshold(truth, scores))


def single_slice(rows: Iterable[Row]) -> dict[str, Any]:
    """How often the shifted slice is flagged and both its neighbors are not.

    For methods that flag nothing: how often it scores above both neighbors.
    """
    results = []
    for row in rows:
        if row["kind"] != SLICE:
            continue
        slices = {s["index"]: s for s in row["slices"].get(row["shifted_plane"], [])}
        index = row["shifted_index"]
        own, near = slices.get(index), [slices.get(index - 1), slices.get(index + 1)]
        result = {"pair": row["pair"], "swapped": row["swapped"], "index": index}
        if own is None:
            result |= {"found": False, "neighbors_clean": False}
        elif own["flagged"] is None:
            ahead = [n is None or _value(own) > _value(n) for n in near]
            result |= {"found": all(ahead), "neighbors_clean": all(ahead)}
        else:
            result |= {
                "found": bool(own["flagged"]),
                "neighbors_clean": not any(n is not None and n["flagged"] for n in near),
            }
        result["others_flagged"] = sum(
            bool(s["flagged"]) for n, s in slices.items() if abs(n - index) > 1
        )
        result["success"] = result["found"] and result["neighbors_clean"]
        results.append(result)
    return {"cases": results, "successes": sum(r["success"] for r in results), "n": len(results)}


def _verdicts(rows: Sequence[Row]) -> dict[str, Any] | None:
    if not rows or rows[0]["verdict"] is None:
        return None
    still = [r["verdict"] for r in rows if r["kind"] == ALIGNED]
    far = [r for r in rows if r["kind"] == ALIGNED or r["true_mm"] >= 2]
    return {
        "false_alarms": float(np.mean([v == "misaligned" for v in still])) if still else NAN,
        "false_alarms_interval": rate_interval(
            [v == "misaligned" for v in still],
            [r["subject"] for r in rows if r["kind"] == ALIGNED],
        ),
        "cannot_tell": sum(r["verdict"] == "cannot_tell" for r in rows),
        "from_2_mm": image_confusion(far).to_dict() if far else None,
    }


def _flagged(rows: Sequence[Row]) -> dict[str, Any] | None:
    """Slice-wise counts by the shipped flags: slices off by 2 mm or more against aligned pairs'."""
    still = _slices([r for r in rows if r["kind"] == ALIGNED])
    off = [s for s in _slices([r for r in rows if r["kind"] != ALIGNED]) if s["true_mm"] >= 2]
    if not still or still[0]["flagged"] is None:
        return None
    truth = [False] * len(still) + [True] * len(off)
    return confusion(truth, [bool(s["flagged"]) for s in (*still, *off)]).to_dict()


def _calibration(rows: Sequence[Row]) -> dict[str, float] | None:
    """Expected calibration error: of exceeding the tolerance, which is what the probability says.

    Also by other displacements from which a pair may count as misaligned.
    """
    stated = [r for r in rows if r["verdict"] not in (None, "cannot_tell")]
    if not stated:
        return None
    scores = [r["score"] for r in stated]
    tolerance = load_calibration(WEIGHTS / "calibration.json").tolerance_mm
    above = [r["true_mm"] > tolerance for r in stated]
    return {"above_tolerance": expected_calibration_error(above, scores)} | {
        f"from_{label:g}_mm": expected_calibration_error(
            [r["true_mm"] >= label * (1 - 1e-6) for r in stated], scores
        )
        for label in LABELS_MM
    }


def _mae(rows: Sequence[Row]) -> float:
    told = [r for r in rows if r["mm"] is not None]
    return mean_absolute_error([r["true_mm"] for r in told], [r["mm"] for r in told])


def _slices(rows: Sequence[Row], *, acquisition_only: bool = False) -> list[Slice]:
    return [
        s
        for r in rows
        for plane, slices in r["slices"].items()
        if not acquisition_only or plane == r["acquisition"]
        for s in slices
        if s["score"] is not None
    ]


def _value(item: Slice) -> float:
    return -np.inf if item["score"] is None else float(item["score"])


def _has_size(row: Row, size: float | str) -> bool:
    if row["kind"] == ALIGNED:
        return False
    if size == THROUGH or row["kind"] == THROUGH:
        return bool(row["kind"] == size)
    return bool(row["size_mm"] == size)


def _of(rows: Iterable[Row], method: str) -> list[Row]:
    return [r for r in rows if r["method"] == method]


def _short(row: Row) -> Row:
    keys = ("pair", "swapped", "kind", "size_mm", "method", "true_mm", "score", "mm", "verdict")
    return {key: row[key] for key in keys}
