"""The figures of a run as Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from Testing.Benchmarks.detection.moves import SIZES_MM, THROUGH

COLUMNS = [*(str(size) for size in SIZES_MM), THROUGH]


def markdown(result: dict[str, Any]) -> str:
    """Every table of a summary (see summary.summarize)."""
    parts = []
    for title, key in (("Image-wise AUROC", "auroc"), ("Slice-wise AUROC", "slice_auroc")):
        parts.append(f"### {title} by mean displacement (mm)\n\n{_sizes(result['detection'], key)}")
    head = [m for m, d in result["stress"].items() if d["all"]["sizes"]]
    if head:
        stress = {m: result["stress"][m] for m in head}
        parts.append(
            f"### Stress, head CT/MR, as stored taken for aligned\n\n{_sizes(stress, 'auroc')}"
        )
    parts.append(f"### At the shipped thresholds\n\n{_verdicts(result['detection'])}")
    if result["natural"]:
        parts.append(f"### Natural misalignments\n\n{_cases(result['natural'])}")
    if result["borderline"]:
        parts.append(f"### Borderline pairs (no truth)\n\n{_cases(result['borderline'])}")
    single = {m: s for m, s in result["single_slice"].items() if s["n"]}
    if single:
        rows = [[m, f"{s['successes']} of {s['n']}"] for m, s in single.items()]
        parts.append(
            "### One slice shifted by 4 mm: found, neighbors clean\n\n"
            + table(["method", "cases"], rows)
        )
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table with numbers to three digits."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_text(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _sizes(detection: dict[str, Any], key: str) -> str:
    rows = []
    for name, block in _named_blocks(detection):
        for method, figures in block.items():
            sizes = figures["sizes"]
            if sizes:
                values = [sizes[c][key] if c in sizes else "" for c in COLUMNS]
                rows.append([name, method, figures["aligned"], *values])
    return table(["pairs", "method", "aligned", *COLUMNS], rows)


def _named_blocks(detection: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """(name, {method: block}) for all pairs, then each spacing class, organ and contrast pair."""
    blocks = [("all", {m: d["all"] for m, d in detection.items()})]
    first = next(iter(detection.values()))
    for key in ("spacing_class", "organ", "contrast"):
        for value in first[key]:
            found = {m: d[key][value] for m, d in detection.items() if value in d[key]}
            blocks.append((value, found))
    return blocks


def _verdicts(detection: dict[str, Any]) -> str:
    rows = []
    for name, block in _named_blocks(detection):
        for method, figures in block.items():
            verdicts, slices = figures["verdicts"], figures["slices_flagged"] or {}
            if verdicts is None or verdicts["from_2_mm"] is None:
                continue
            image, calibration = verdicts["from_2_mm"], figures["calibration"] or {}
            rows.append(
                [
                    name,
                    method,
                    verdicts["false_alarms"],
                    image["f1"],
                    image["precision"],
                    image["recall"],
                    slices.get("f1", ""),
                    slices.get("precision", ""),
                    slices.get("recall", ""),
                    calibration.get("above_tolerance", ""),
                    calibration.get("from_1_mm", ""),
                    figures["mae_mm"],
                    verdicts["cannot_tell"],
                ]
            )
    if not rows:
        return "(no method with shipped thresholds was run)"
    head = ["pairs", "method", "false alarms", "F1", "precision", "recall"]
    head += ["slice F1", "slice precision", "slice recall", "ECE", "ECE, 1 mm"]
    head += ["MAE mm", "cannot tell"]
    return table(head, rows)


def _cases(rows: Sequence[dict[str, Any]]) -> str:
    """A line for every case; a method's estimate in mm and verdict where it has them, its score."""
    methods = list(dict.fromkeys(row["method"] for row in rows))
    lines: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        case = (row["pair"], "yes" if row["swapped"] else "", row["kind"], row["true_mm"])
        told = [row["verdict"], None if row["mm"] is None else f"{row['mm']:.2f} mm"]
        text = [part for part in told if part] + [f"{row['score']:.3f}"]
        lines.setdefault(case, {})[row["method"]] = ", ".join(text)
    head = ["pair", "swapped", "case", "true mm", *methods]
    return table(head, [[*case, *(told.get(m) for m in methods)] for case, told in lines.items()])


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return "" if math.isnan(cell) else f"{cell:.3f}"
    return str(cell)
