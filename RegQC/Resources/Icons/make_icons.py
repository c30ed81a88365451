"""Draws the module's icon and the thumbnails of the sample data; needs matplotlib and nibabel.

Run it from anywhere: ``python RegQC/Resources/Icons/make_icons.py``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

HERE = Path(__file__).resolve().parent
SAMPLE = HERE.parents[2] / "Resources" / "SampleData"
DARK, BLUE, ORANGE, GREEN = "#1d2b3a", "#5bc0eb", "#ffa552", "#3cb371"
PIXELS = 128


def canvas(width: int, height: int) -> tuple[Figure, Axes]:
    """An empty picture whose units are pixels, counted from the lower left."""
    figure = plt.figure(figsize=(width / 100, height / 100), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    axes.axis("off")
    return figure, axes


def draw_icon() -> None:
    """Two outlines of one head, slightly apart, and a tick: aligned or not?"""
    figure, axes = canvas(PIXELS, PIXELS)
    box = "round,pad=0,rounding_size=24"
    axes.add_patch(FancyBboxPatch((2, 2), 124, 124, boxstyle=box, facecolor=DARK, linewidth=0))
    angle = np.linspace(0, 2 * np.pi, 200)
    for color, x, y, turn in ((ORANGE, 65, 73, 0.24), (BLUE, 57, 67, 0.0)):
        across, along = 34 * np.cos(angle), 43 * np.sin(angle)
        px = x + across * np.cos(turn) - along * np.sin(turn)
        py = y + across * np.sin(turn) + along * np.cos(turn)
        axes.plot(px, py, color=color, linewidth=4.6)
    axes.add_patch(Circle((95, 33), 25, facecolor=GREEN, edgecolor=DARK, linewidth=4))
    axes.plot([83, 92, 108], [33, 23.5, 44], color="white", linewidth=6, solid_capstyle="round")
    figure.savefig(HERE / "RegQC.png", transparent=True)
    plt.close(figure)


def middle_slice(name: str, shift: tuple[float, float] = (0.0, 0.0)) -> NDArray[np.float64]:
    """The middle axial slice, 0 to 1, seen from below, front up; shifted by pixels."""
    image: Any = nib.load(SAMPLE / name)
    data = nib.as_closest_canonical(image).get_fdata()
    plane = data[:, :, data.shape[2] // 2]
    plane = affine_transform(plane, np.eye(2), offset=shift, order=1)
    return np.clip(plane / np.percentile(plane, 99.5), 0, 1).T[:, ::-1]


def draw_thumbnail(file: str, shift: tuple[float, float]) -> None:
    """The sample's two contrasts in one picture, orange and blue, gray where they agree."""
    width, height = 260, 280
    figure, axes = canvas(width, height)
    axes.set_facecolor("black")
    figure.set_facecolor("black")
    fixed, moving = middle_slice("flair.nii.gz"), middle_slice("t1w.nii.gz", shift)
    colors = np.stack([fixed, (fixed + moving) / 2, moving], axis=-1)
    rows, columns = fixed.shape
    half = height * columns / rows / 2
    extent = (width / 2 - half, width / 2 + half, 0, height)
    axes.imshow(colors, origin="lower", extent=extent, interpolation="bilinear", aspect="auto")
    figure.savefig(HERE / file)
    plt.close(figure)


if __name__ == "__main__":
    draw_icon()
    draw_thumbnail("RegQC_AlignedPair.png", (0.0, 0.0))
    draw_thumbnail("RegQC_MovedPair.png", (5.0, -4.0))
