"""The figure of the experiment: rows are training sets, columns validation sets, as in the seed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

METRICS = ("f1", "precision", "recall")
TITLES = {"f1": "F1", "precision": "Precision", "recall": "Recall"}


def save_figure(results: dict[str, dict[str, Any]], path: Path) -> None:
    """Draw ``results[trained on][validated on]`` (see evaluation.evaluate) as a PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    models = list(results)
    sets = list(results[models[0]])
    columns = len(sets)
    size = (3.0 * columns + 5.0, 2.4 * len(models) + 0.9)
    figure = plt.figure(figsize=size, layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(3.0 * columns, 5.0))
    left.suptitle("Image-wise: confusion matrices")
    right.suptitle("Slice-wise")
    matrices = left.subplots(len(models), columns, squeeze=False)
    for row, model in enumerate(models):
        for column, validation in enumerate(sets):
            axis = matrices[row, column]
            _matrix(axis, results[model][validation]["image_wise"])
            if row == 0:
                axis.set_title(f"validated on {validation}", fontsize=9)
            if row == len(models) - 1:
                axis.set_xlabel("called", fontsize=8)
            if column == 0:
                axis.set_ylabel(f"trained on {model}\n\ntruth", fontsize=9)
    charts = right.subplots(len(METRICS), 1, sharex=True)
    for axis, metric in zip(charts, METRICS, strict=True):
        _bars(axis, metric, results, models, sets)
    handles, labels = charts[0].get_legend_handles_labels()
    labels = [f"trained on {label}" for label in labels]
    right.legend(handles, labels, fontsize=7, ncols=2, loc="outside lower center")
    charts[-1].set_xticks(range(columns), [f"on {s}" for s in sets])
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _matrix(axis: Any, counts: dict[str, float]) -> None:
    rows = ((counts["tn"], counts["fp"]), (counts["fn"], counts["tp"]))
    shares = [[n / max(sum(row), 1) for n in row] for row in rows]
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for i, row in enumerate(rows):
        for j, n in enumerate(row):
            color = "white" if shares[i][j] > 0.5 else "black"
            axis.text(j, i, f"{n:g}", ha="center", va="center", color=color)
    axis.set_xticks((0, 1), ("aligned", "misaligned"), fontsize=7)
    axis.set_yticks((0, 1), ("aligned", "misaligned"), fontsize=7, rotation=90, va="center")


def _bars(
    axis: Any, metric: str, results: dict[str, Any], models: list[str], sets: list[str]
) -> None:
    width = 0.8 / len(models)
    for n, model in enumerate(models):
        rates = [results[model][s]["slice_wise"][metric] for s in sets]
        heights = [0.0 if math.isnan(rate) else rate for rate in rates]
        places = [x + (n - (len(models) - 1) / 2) * width for x in range(len(sets))]
        bars = axis.bar(places, heights, width, label=model)
        axis.bar_label(bars, fmt="%.2f", fontsize=6)
    axis.set_ylim(0, 1.12)
    axis.set_ylabel(TITLES[metric])
