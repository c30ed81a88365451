"""The points of a compression as a picture: what is kept against what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from RegQCLib.compression.points import Point, worth_having
from RegQCLib.geometry.atomic_file import atomic_file

COSTS = (
    ("bytes", 1e-6, "file, MB"),
    ("latency_ms", 1.0, "latency of a batch, ms"),
    ("memory_mb", 1.0, "memory of the process, MB"),
)


def save_figure(path: Path, points: Sequence[Point], metric: str, picked: str | None) -> None:
    """Draw the metric against file size, latency and memory; the Pareto front is filled."""
    from matplotlib.figure import Figure

    front = worth_having(points)
    figure = Figure(figsize=(14, 5), layout="constrained")
    for axis, (name, scale, label) in zip(figure.subplots(1, 3), COSTS, strict=True):
        for number, one in enumerate(points):
            x = scale * getattr(one, name)
            color = "C3" if one.name == picked else "C0"
            face = color if one.name in front else "none"
            axis.plot(x, one.metric, "o", color=color, markerfacecolor=face)
            shift = (4, 4 if number % 2 else -10)
            axis.annotate(
                one.name, (x, one.metric), fontsize=7, xytext=shift, textcoords="offset points"
            )
        axis.set(xscale="log", xlabel=label, ylabel=metric)
        axis.grid(alpha=0.3)
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=100)
