"""One validation pair as a picture: what was to be matched, what came of it, and how it bent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from RegQCLib.geometry.atomic_file import atomic_file
from RegQCLib.geometry.warp_torch import warp
from RegQCLib.registration.networks.prediction import Prediction
from RegQCLib.training.registration.pairs import TrainingPairs
from RegQCLib.training.registration.validation import warped_labels

LINES = 24  # of the grid along the shorter side


def save_picture(path: Path, prediction: Prediction, pairs: TrainingPairs, title: str) -> None:
    """Draw the middle plane of the first pair: fixed, moving, moved, labels, warped grid."""
    from matplotlib.figure import Figure

    motion = prediction.displacement[:1]
    moved = warp(pairs.moving[:1], motion)
    panels = {
        "fixed": _plane(pairs.fixed[0, 0]),
        "moving": _plane(pairs.moving[0, 0]),
        "moved": _plane(moved[0, 0]),
    }
    fixed_labels = pairs.fixed_labels
    labels = fixed_labels is not None and pairs.moving_labels is not None
    figure = Figure(figsize=(3 * (4 + labels), 3.2), layout="constrained")
    axes = figure.subplots(1, 4 + labels)
    for axis, (name, plane) in zip(axes, panels.items(), strict=False):
        axis.imshow(plane, cmap="gray", origin="lower")
        axis.set_title(name)
    if fixed_labels is not None and pairs.moving_labels is not None:
        after = warped_labels(pairs.moving_labels[:1], motion)
        axes[3].imshow(panels["fixed"], cmap="gray", origin="lower")
        for values, color in ((fixed_labels[0], "tab:cyan"), (after[0], "tab:orange")):
            plane = _plane(values)
            if np.ptp(plane) > 0:
                levels = np.unique(plane)[1:] - 0.5
                axes[3].contour(plane, levels=levels, colors=color, linewidths=0.8)
        axes[3].set_title("labels: fixed, moved")
    _draw_grid(axes[-1], motion[0])
    for axis in axes:
        axis.set_axis_off()
        axis.set_aspect("equal")
    figure.suptitle(title)
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=80)


def _plane(values: Tensor) -> NDArray[Any]:
    """The middle slice across the first of three axes."""
    plane = values if values.ndim == 2 else values[len(values) // 2]
    return plane.float().cpu().numpy()


def _draw_grid(axis: Any, motion: Tensor) -> None:
    """Lines of the fixed grid where the displacement takes them, in the plane."""
    if len(motion) == 3:
        motion = motion[1:, :, :][:, motion.shape[1] // 2]
    rows, columns = motion.float().cpu().numpy()
    row, column = np.mgrid[: rows.shape[0], : rows.shape[1]]
    step = max(1, min(rows.shape) // LINES)
    y, x = row + rows, column + columns
    axis.plot(x[::step].T, y[::step].T, color="black", linewidth=0.5)
    axis.plot(x[:, ::step], y[:, ::step], color="black", linewidth=0.5)
    axis.set_title("where points are taken from")
