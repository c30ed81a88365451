"""The tables of the seeds as pictures: a mean with its interval for every row and figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

PARTS = ("mean", "low", "high")
Table = Mapping[str, Mapping[str, Any]]
"""Row: figure: mean, low and high, as `summary` gives them."""


def save_figure(path: Path, tables: Mapping[str, Table], axes: Mapping[str, str]) -> None:
    """Draw a line of panels for each table, a panel for each of its figures.

    axes: figure: title of its panel, with the unit; "bytes" are drawn in MB. Rows without a figure
    stay empty there; seconds, which span decades, stand on a logarithmic scale.
    """
    from matplotlib.figure import Figure

    most = max(len(table) for table in tables.values())
    height = len(tables) * (0.9 + 0.32 * most)
    figure = Figure(figsize=(2.6 + 3.4 * len(axes), height), layout="constrained")
    panels = figure.subplots(len(tables), len(axes), squeeze=False, sharey="row")
    for line, (title, table) in zip(panels, tables.items(), strict=True):
        for panel, (key, text) in zip(line, axes.items(), strict=True):
            _draw(panel, table, key)
            panel.set_xlabel(text)
        line[0].set_yticks(range(len(table)), list(table))
        line[0].set_title(title, loc="left")
        line[0].invert_yaxis()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _draw(panel: Any, table: Table, key: str) -> None:
    for place, values in enumerate(table.values()):
        if key not in values:
            continue
        scale = 1e-6 if key == "bytes" else 1.0
        mean, *ends = (None if n is None else n * scale for n in map(values[key].get, PARTS))
        if ends[0] is not None:
            panel.plot(ends, [place, place], color="#9ab", linewidth=3)
        panel.plot(mean, place, "o", color="#124")
        panel.annotate(
            f"{mean:.3g}", (mean, place), (0, 5), textcoords="offset points", ha="center", size=8
        )
    panel.grid(axis="x", alpha=0.3)
    panel.margins(x=0.15, y=0.08)
    if key == "seconds":
        panel.set_xscale("log")
        panel.xaxis.set_major_formatter("{x:g}")
