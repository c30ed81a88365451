"""Colors that mean the same everywhere in a report, and that color-blind readers can tell apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

VERDICT_COLORS = {"aligned": "#00695c", "misaligned": "#b3400e", "cannot_tell": "#5f6368"}

Stops = tuple[tuple[float, tuple[int, int, int]], ...]

PROBABILITY: Stops = (
    (0.0, (43, 108, 164)),
    (0.5, (190, 190, 184)),
    (1.0, (208, 80, 10)),
)
"""Probability of misalignment: blue, gray, orange."""

ERROR: Stops = (
    (0.0, (255, 247, 160)),
    (0.35, (254, 190, 70)),
    (0.65, (244, 109, 40)),
    (1.0, (190, 0, 60)),
)
"""Length in mm: pale yellow to crimson."""

VOLUME_CHANGE: Stops = (
    (0.0, (33, 80, 160)),
    (0.5, (245, 245, 245)),
    (1.0, (178, 60, 20)),
)
"""log2 of the Jacobian determinant, -1 to 1: blue shrinks, orange grows."""

FOLDED = (255, 0, 255)
EDGE = (255, 214, 0)


def colored(fractions: NDArray[Any], stops: Stops) -> NDArray[np.uint8]:
    """Map fractions (...) in [0, 1] to RGB (..., 3); values outside take the end's color."""
    places = [place for place, _ in stops]
    channels = [np.interp(fractions, places, [rgb[c] for _, rgb in stops]) for c in range(3)]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)


def css(fraction: float, stops: Stops) -> str:
    """Return the color of one fraction as ``#rrggbb``."""
    red, green, blue = colored(np.array(fraction), stops)
    return f"#{red:02x}{green:02x}{blue:02x}"
