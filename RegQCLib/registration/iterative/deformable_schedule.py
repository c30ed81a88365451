"""What a deformable registration does in which order, and how fine memory lets it become."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.memory import available_bytes

Measure = Literal["auto", "mind", "lncc", "mi", "ssd"]
MEASURES: tuple[Measure, ...] = ("auto", "mind", "lncc", "mi", "ssd")

BENDING = {"auto": 1.0, "mind": 1.0, "lncc": 1.0, "mi": 25.0, "ssd": 5.0}
"""Stiffness in mm^2 against each measure; local correlation only begins with it and adapts it."""

DETAIL_MM = 1.5
"""Voxels above this show too little detail to be averaged before contrasts are compared."""

GIB = 2**30
FIXED_BYTES = 0.45 * GIB
"""What Python, torch and coarse grids take, whatever the images."""

BYTES_PER_VOXEL = {"auto": 190, "mind": 260, "lncc": 190, "mi": 230, "ssd": 150}
"""At the peak, for each voxel of the finest level; measured."""

MOST_VOXELS = 16_000_000
"""Finer voxels would take minutes and improve little."""

SHARE_OF_MEMORY = 0.7
"""Of what is available, when the caller sets no limit."""


@dataclass(frozen=True)
class Stage:
    """Some iterations with one measure at one resolution.

    factor: voxels of the frame that make a voxel here. spacing: of the control points, in voxels of
    the frame. measure: "mapped" is LNCC with the moving image in the fixed contrast. adapts: the
    stiffness is fitted to what the stage has found.
    """

    factor: int
    spacing: int
    iterations: int
    measure: Literal["mind", "lncc", "mapped", "mi", "ssd"]
    adapts: bool = False


def stages(measure: Measure, voxel_mm: float) -> list[Stage]:
    """From coarse to fine. voxel_mm: the finest there is."""
    if measure == "auto":
        if voxel_mm > DETAIL_MM:
            return [
                Stage(2, 8, 3, "mind"),
                Stage(1, 8, 4, "mind"),
                Stage(1, 8, 3, "mapped", adapts=True),
                Stage(1, 4, 5, "mapped"),
            ]
        return [
            Stage(4, 16, 4, "mind"),
            Stage(2, 8, 3, "mind"),
            Stage(2, 8, 3, "mapped", adapts=True),
            Stage(2, 4, 3, "mapped"),
            Stage(1, 4, 4, "mapped"),
        ]
    return [
        Stage(4, 16, 5, measure),
        Stage(2, 8, 5, measure, adapts=measure == "lncc"),
        Stage(2, 4, 4, measure),
        Stage(1, 4, 4, measure),
    ]


def finest_voxels(grid: Grid, measure: Measure, max_memory_gb: float | None) -> tuple[float, str]:
    """Size in mm of the finest voxels to work on, and why it is not the image's own, or "".

    Raises InputError when the limit is too low for any registration.
    """
    steps = [step for step, n in zip(grid.spacing, grid.shape[::-1], strict=True) if n > 1]
    shortest = min(steps)
    if max_memory_gb is None:
        limit, named = available_bytes() * SHARE_OF_MEMORY, "the memory that is free"
    else:
        limit, named = max_memory_gb * GIB, f"the limit of {max_memory_gb:g} GB"
    room = (limit - FIXED_BYTES) / BYTES_PER_VOXEL[measure]
    volume = math.prod(step * n for step, n in zip(grid.spacing, grid.shape[::-1], strict=True))
    for factor in range(1, 9):
        size = shortest * factor
        voxels = volume / math.prod(max(step, size) for step in grid.spacing)
        if voxels <= min(room, MOST_VOXELS):
            if factor == 1:
                return shortest, ""
            why = named if voxels * 2 > room or room < MOST_VOXELS else "time"
            return size, f"worked on voxels of {size:g} mm, not {shortest:g} mm, to respect {why}"
    raise InputError(
        f"too little memory: {named} cannot hold a deformable registration of "
        f"{' x '.join(str(n) for n in grid.shape[::-1])} voxels; allow more or crop the images"
    )
