"""Points of a compression: what each is, costs and achieves; which are worth having."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from RegQCLib.compression.plan import Choose
from RegQCLib.errors import InputError
from RegQCLib.geometry.atomic_file import atomic_file

FLOAT_BYTES = 4
"""Of a parameter in float32. Files are compared with these, not with a compressed file of the
original, whose size depends on how it was rounded before."""


@dataclass(frozen=True)
class Point:
    """One form of one network. Latencies are of one batch; memory is that of a whole process.

    key: of the step, its parents and the model, which tells whether the point is still valid.
    zeros: share of zero weights and biases.
    """

    name: str
    parent: str
    do: str
    form: str
    bits: int
    metric: float
    bytes: int
    memory_mb: float
    parameters: int
    zeros: float
    key: str
    latency_ms: float = float("nan")
    latency_q1_ms: float = float("nan")
    latency_q3_ms: float = float("nan")
    latency_least_ms: float = float("nan")


def write_point(path: Path, point: Point) -> None:
    """Keep a point beside its files."""
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(asdict(point), indent=1) + "\n", encoding="utf-8")


def read_point(path: Path) -> Point | None:
    """A point that was kept, or None where there is none that can be read."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Point(**values)
    except (OSError, ValueError, TypeError):
        return None


def worth_having(points: Sequence[Point]) -> set[str]:
    """Names of the Pareto front: no other is as good in everything and better in something.

    Compared are the metric, bytes, latency and memory.
    """
    return {one.name for one in points if not any(_beats(other, one) for other in points)}


def chosen(points: Sequence[Point], original: Point, choose: Choose) -> Point:
    """The fastest point that keeps to the limits.

    Raises InputError when none does.
    """
    most = choose.bytes_share * FLOAT_BYTES * original.parameters
    kept = [
        one for one in points if one.metric >= original.metric - choose.loss and one.bytes <= most
    ]
    if not kept:
        raise InputError(
            f"no point loses at most {choose.loss:g} with at most {choose.bytes_share:g} of the "
            "bytes; the table has them all, and [choose] in the plan sets the limits"
        )
    return min(kept, key=lambda one: one.latency_ms)


def write_table(folder: Path, points: Sequence[Point], about: dict[str, Any]) -> None:
    """Write points.csv and points.json, the latter with ``about``: the machine and the plan."""
    front = worth_having(points)
    rows = [{**asdict(one), "pareto": one.name in front} for one in points]
    names = [f.name for f in fields(Point)] + ["pareto"]
    with (
        atomic_file(folder / "points.csv") as temporary,
        temporary.open("w", newline="", encoding="utf-8") as stream,
    ):
        writer = csv.DictWriter(stream, fieldnames=names)
        writer.writeheader()
        writer.writerows(rows)
    with atomic_file(folder / "points.json") as temporary:
        text = json.dumps({**about, "points": rows}, indent=1)
        temporary.write_text(text + "\n", encoding="utf-8")


def _beats(one: Point, other: Point) -> bool:
    pairs = [(getattr(one, n), getattr(other, n)) for n in ("bytes", "latency_ms", "memory_mb")]
    pairs.append((-one.metric, -other.metric))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)
