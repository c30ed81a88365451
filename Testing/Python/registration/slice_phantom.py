"""A small stack with texture, and slices of it moved by known motion."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.slice_match import motion

SHAPE = (12, 52, 56)  # slices, rows, columns
SPACING = np.array([2.0, 1.8, 3.0])  # columns, rows, slices
FINE = 3  # layers of the fine body in a slice distance


def body(seed: int = 0) -> np.ndarray:
    """Gray values on a lattice as fine in-plane and three times as fine across, float32."""
    random = np.random.default_rng(seed)
    shape = ((SHAPE[0] + 8) * FINE, *SHAPE[1:])
    texture = gaussian_filter(random.normal(size=shape), (3.0, 1.6, 1.6))
    texture /= texture.std()
    rows, columns = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE[1:]], indexing="ij")
    inside = gaussian_filter((rows**2 + columns**2 < 0.6).astype(float), 1.0)
    return ((100 + 15 * texture) * inside).astype(np.float32)


def stack_with(poses: np.ndarray, seed: int = 0, noise: float = 1.0) -> np.ndarray:
    """(slices, rows, columns) as acquired where ``poses`` (K, 4, 4), stack mm, put them."""
    fine = body(seed)
    random = np.random.default_rng(seed + 1)
    v, u = np.meshgrid(*[np.arange(n) for n in SHAPE[1:]], indexing="ij")
    result = np.empty(SHAPE, dtype=np.float32)
    for number, pose in enumerate(poses):
        points = np.stack([u, v, np.full_like(u, number)], axis=-1) * SPACING
        u_, v_, w_ = np.moveaxis(points @ pose[:3, :3].T + pose[:3, 3], -1, 0)
        layers = (w_ / SPACING[2] + 4) * FINE
        places = [layers, v_ / SPACING[1], u_ / SPACING[0]]
        result[number] = map_coordinates(fine, places, order=3, mode="nearest")
    return result + random.normal(0, noise, SHAPE).astype(np.float32)


def moved_poses(moves: dict[int, tuple[float, ...]]) -> np.ndarray:
    """(K, 4, 4): identity but for shifts (u, v, w mm) and turns (degrees) of some slices."""
    poses = np.tile(np.eye(4), (SHAPE[0], 1, 1))
    for number, values in moves.items():
        center = np.array([SHAPE[2] / 2, SHAPE[1] / 2, number]) * SPACING
        poses[number] = motion(np.array(values[:3]), np.radians(values[3:]), center)
    return poses


def volume_of(array: np.ndarray, to_world: np.ndarray | None = None, name: str = "stack") -> Volume:
    """The stack in the world; ``to_world`` (4, 4) takes stack mm to RAS."""
    affine = np.eye(4) if to_world is None else to_world.copy()
    affine[:3, :3] *= SPACING
    return Volume(array, affine, name)


def other_contrast(seed: int = 0) -> np.ndarray:
    """The body at rest as another contrast shows it: dark where the stack is bright, and back."""
    still = stack_with(moved_poses({}), seed, noise=0.0)
    return np.where(still > 40, 260 - 1.6 * still, 0).astype(np.float32)
