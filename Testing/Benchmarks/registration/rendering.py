"""Images of a phantom as a scanner would make them, of the head as a transform moves it.

The anatomy is evaluated at T(x) for every voxel x; nothing is interpolated. Blur is a soft edge of
every structure, about as wide as the scanner's point spread; bias and noise belong to the voxel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.sampling import in_threads, slabs
from RegQCLib.geometry.transforms import Transform
from RegQCLib.geometry.volume import Volume
from Testing.Benchmarks.registration.contrasts import Contrast, contrast
from Testing.Benchmarks.registration.phantom import Phantom
from Testing.Benchmarks.registration.waves import Waves

FULL_SCALE = 1000.0
EDGE_VOXELS = 0.5  # half width of a soft edge
BIAS, BIAS_SCALE_MM = 0.12, 60.0  # SD of the logarithm
NOISE = 0.03  # SD in each of the two channels of a magnitude image, of the full scale


@dataclass(frozen=True, eq=False)
class Rendered:
    """image: float32, 0 to about 1000. labels: uint8, 0 to 25, on the same grid."""

    image: Volume
    labels: Volume


def centered_grid(shape: tuple[int, int, int], spacing_mm: float) -> Grid:
    """Voxels along R, A and S about the origin. shape: (k, j, i)."""
    affine = np.diag([spacing_mm] * 3 + [1.0])
    affine[:3, 3] = -spacing_mm * (np.array(shape[::-1]) - 1) / 2
    return Grid(shape, affine)


def render(
    phantom: Phantom,
    grid: Grid,
    look: str,
    rng: np.random.Generator,
    *,
    transform: Transform | None = None,
    name: str = "phantom",
) -> Rendered:
    """Image ``phantom`` on ``grid``; voxel x shows the anatomy at T(x), or at x without one.

    look: name of a contrast. rng: draws the contrast (if random), the bias field and the noise.
    """
    tissue = contrast(look, rng)
    bias = Waves.smooth(rng, scale_mm=BIAS_SCALE_MM, count=16).scaled(BIAS)
    edge = EDGE_VOXELS * float(grid.spacing.mean())
    image = np.empty(grid.shape, dtype=np.float32)
    labels = np.empty(grid.shape, dtype=np.uint8)

    def fill(start: int, stop: int) -> None:
        affine = grid.affine.copy()
        affine[:3, 3] = grid.to_world((0, 0, start))
        here = Grid((stop - start, *grid.shape[1:]), affine).points().reshape(-1, 3)
        there = here if transform is None else transform.apply(here)
        anatomy, values = _paint(phantom, there.astype(np.float32), tissue, edge)
        values *= np.exp(bias(here.astype(np.float32))[:, 0])
        labels[start:stop] = anatomy.reshape(stop - start, *grid.shape[1:])
        image[start:stop] = values.reshape(stop - start, *grid.shape[1:])

    in_threads(fill, slabs(grid.shape))
    noise = rng.standard_normal((2, *grid.shape), dtype=np.float32) * np.float32(NOISE)
    magnitude = np.hypot(image + noise[0], noise[1]) * np.float32(FULL_SCALE)
    return Rendered(
        Volume(magnitude, grid.affine, name), Volume(labels, grid.affine, f"{name} labels")
    )


def _paint(
    phantom: Phantom, points: NDArray[np.float32], tissue: Contrast, edge_mm: float
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Labels and noiseless values at (N, 3) points."""
    labels = np.zeros(len(points), dtype=np.uint8)
    values = np.zeros(len(points), dtype=np.float32)
    sides = phantom.sides(points)
    for pair, distance in phantom.layers(points):
        near = np.flatnonzero(distance < 4 * edge_mm)
        depth = distance[near]
        share = 0.5 - 0.5 * np.tanh(depth / np.float32(edge_mm))
        values[near] += share * (tissue.tissue[pair[0]] - values[near])
        inside = near[depth < 0]
        labels[inside] = np.asarray(pair, dtype=np.uint8)[sides[inside]]
    texture = phantom.texture(points) @ tissue.mixture
    return labels, values * (1 + texture)
