"""The card of the chosen point: what it is, what it was made of, what it costs, what it lost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from RegQCLib.compression.points import Point
from RegQCLib.geometry.atomic_file import atomic_file

HEAD = "| | original | chosen |"


def write_card(
    path: Path,
    *,
    model: str,
    kind: str,
    metric: str,
    original: Point,
    chosen: Point,
    steps: Sequence[str],
    about: dict[str, Any],
) -> None:
    """Write Markdown. steps: what led to the chosen point, in order."""
    rows = [
        ("form", original.form, chosen.form),
        (metric, f"{original.metric:.4f}", f"{chosen.metric:.4f}"),
        ("file, bytes", str(original.bytes), str(chosen.bytes)),
        ("latency, ms", _latency(original), _latency(chosen)),
        ("memory of the process, MB", f"{original.memory_mb:.0f}", f"{chosen.memory_mb:.0f}"),
        ("parameters", str(original.parameters), str(chosen.parameters)),
        ("zeros", f"{original.zeros:.1%}", f"{chosen.zeros:.1%}"),
    ]
    measure = about["measure"]
    lines = [
        f"# {chosen.name}: {kind}, compressed",
        "",
        f"Made of `{model}` (SHA-256 {about['sha256']}) by `regqc compress`.",
        "Steps: " + "; ".join(steps) + ".",
        "",
        HEAD,
        "|---|---|---|",
        *(f"| {name} | {before} | {after} |" for name, before, after in rows),
        "",
        f"Latency: median (quartiles) of {measure['repeats']} batches on {measure['threads']} "
        f"threads, both models in turn in the same run. {about['machine']}.",
        "The accuracy was measured on pairs that no training saw; the point was chosen by it, "
        "which flatters it slightly.",
        "",
    ]
    with atomic_file(path) as temporary:
        temporary.write_text("\n".join(lines), encoding="utf-8")


def _latency(point: Point) -> str:
    return f"{point.latency_ms:.1f} ({point.latency_q1_ms:.1f} to {point.latency_q3_ms:.1f})"
