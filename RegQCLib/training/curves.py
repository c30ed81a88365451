"""Loss curves of a training run as a picture."""

from __future__ import annotations

import csv
from pathlib import Path


def save_curves(log: Path, picture: Path) -> None:
    """Draw every logged value of ``log`` (CSV with a ``step`` column) against the step."""
    from matplotlib.figure import Figure

    with log.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    names = [name for name in rows[0] if name not in ("step", "seconds")]
    steps = [float(row["step"]) for row in rows]
    figure = Figure(figsize=(4 * len(names), 3), layout="constrained")
    axes = figure.subplots(1, len(names), squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        axis.plot(steps, [float(row[name]) for row in rows], linewidth=1)
        axis.set(title=name.replace("_", " "), xlabel="step")
        axis.grid(alpha=0.3)
    figure.savefig(picture, dpi=80)
