"""Displacement fields as failed deformable registrations leave them, and good ones with flaws.

Each is a transform on top of a truly aligned pair, so its displacement is its error, in mm.
"""

from __future__ import annotations

import numpy as np
import SimpleITK
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.jacobian import jacobian_determinant
from RegQCLib.geometry.sitk import to_sitk
from RegQCLib.geometry.volume import Volume
from RegQCLib.similarity.arrays import block_average
from Testing.Benchmarks.detection.moves import Body, coarse_grid, displacement_mm, random_field

KINDS = ("folded", "diverged", "swirled", "demons")

FIELD_SPACING_MM = 3.0
DIVERGED_MM = (8.0, 14.0)  # mean error of greedy and LNCC on two contrasts, reference/peers.md
DIVERGED_SMOOTHING_MM = 16.0
FOLDED_SHARE = 0.05  # as the plain LNCC field of reference/peers.md
FOLDED_SMOOTHING_MM = 5.0
FOLDED_STEPS = 12
SWIRL_DEG = (50.0, 100.0)
SWIRL_REACH_MM = (18.0, 28.0)
BUMP_PEAK_MM = (3.0, 6.0)
BUMP_REACH_MM = (10.0, 16.0)  # standard deviation; the steepest slope stays below 0.4
BUMPS = 4
DEMONS_SPACING_MM = 3.0
DEMONS_ITERATIONS = 60


def diverged(body: Body, rng: np.random.Generator) -> DisplacementField:
    """Smooth and large: 8 to 14 mm on average over the body, varying over 16 mm."""
    field = random_field(body.grid, rng, smoothing_mm=DIVERGED_SMOOTHING_MM)
    mean = displacement_mm(field, body.points).mean()
    return DisplacementField(field.array * (rng.uniform(*DIVERGED_MM) / mean), field.affine)


def folded(body: Body, rng: np.random.Generator) -> DisplacementField:
    """Rough, scaled until 5 % of the body's voxels of the field fold."""
    grid = coarse_grid(body.grid, FIELD_SPACING_MM, margin_mm=4 * FIELD_SPACING_MM)
    sigma = FOLDED_SMOOTHING_MM / FIELD_SPACING_MM
    noise = [gaussian_filter(rng.standard_normal(grid.shape), sigma) for _ in range(3)]
    array = np.stack(noise) / np.std(noise)
    inside = np.zeros(grid.shape, dtype=bool)
    index = np.rint(grid.to_index(body.points)).astype(int)
    inside[index[:, 2], index[:, 1], index[:, 0]] = True
    low, high = 0.0, 20.0
    for _ in range(FOLDED_STEPS):  # the share grows with the amplitude
        middle = (low + high) / 2
        determinant = jacobian_determinant(DisplacementField(array * middle, grid.affine))
        share = float((determinant[inside] <= 0).mean())
        low, high = (middle, high) if share < FOLDED_SHARE else (low, middle)
    return DisplacementField(array * high, grid.affine)


def swirled(body: Body, rng: np.random.Generator) -> DisplacementField:
    """A rotation about a random axis through the body that decays with the distance from it."""
    grid = coarse_grid(body.grid, FIELD_SPACING_MM)
    center = body.center + rng.normal(0, 10, 3)
    axis = rng.standard_normal(3)
    axis /= np.linalg.norm(axis)
    arms = grid.points() - center
    reach = rng.uniform(*SWIRL_REACH_MM)
    angle = np.radians(rng.uniform(*SWIRL_DEG)) * np.exp(-0.5 * (arms**2).sum(-1) / reach**2)
    cross = np.cross(axis, arms)
    cosine, sine = np.cos(angle)[..., None], np.sin(angle)[..., None]
    shift = sine * cross + (1 - cosine) * np.cross(axis, cross)
    return DisplacementField(np.moveaxis(shift, -1, 0), grid.affine)


def bumps(body: Body, rng: np.random.Generator) -> DisplacementField:
    """A good result with local errors: a few Gaussian bumps, 3 to 6 mm high, inside the body."""
    grid = coarse_grid(body.grid, FIELD_SPACING_MM)
    points = grid.points()
    shift = np.zeros(points.shape)
    for center in rng.choice(body.points, BUMPS, replace=False):
        direction = rng.standard_normal(3)
        direction *= rng.uniform(*BUMP_PEAK_MM) / np.linalg.norm(direction)
        reach = rng.uniform(*BUMP_REACH_MM)
        weight = np.exp(-0.5 * ((points - center) ** 2).sum(-1) / reach**2)
        shift += weight[..., None] * direction
    return DisplacementField(np.moveaxis(shift, -1, 0), grid.affine)


def demons(fixed: Volume, moving: Volume) -> DisplacementField:
    """Two contrasts registered by a measure that assumes one: SimpleITK's symmetric demons.

    Intensities are only scaled to their 1st to 99th percentile, as a user would who does not know.
    """
    images = [to_sitk(_scaled(block_average(v, DEMONS_SPACING_MM))) for v in (fixed, moving)]
    images[1] = SimpleITK.Resample(images[1], images[0])
    method = SimpleITK.FastSymmetricForcesDemonsRegistrationFilter()
    method.SetNumberOfIterations(DEMONS_ITERATIONS)
    method.SetStandardDeviations(1.0)
    vectors = SimpleITK.GetArrayFromImage(method.Execute(*images))
    grid = block_average(fixed, DEMONS_SPACING_MM).grid
    signs = np.array([-1.0, -1.0, 1.0])  # LPS to RAS
    return DisplacementField(np.moveaxis(vectors * signs, -1, 0), grid.affine)


def true_error(
    field: DisplacementField, grid: Grid, body: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Length of the displacement at the body's voxels, (D, H, W) float32 mm; NaN elsewhere."""
    truth = np.full(grid.shape, np.nan, dtype=np.float32)
    truth[body] = displacement_mm(field, grid.to_world(np.argwhere(body)[:, ::-1]))
    return truth


def _scaled(volume: Volume) -> Volume:
    low, high = np.percentile(volume.array, (1, 99))
    return volume.with_array(((volume.array - low) / (high - low)).clip(0, 1).astype(np.float32))
