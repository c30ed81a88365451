"""torch warping against scipy, in 2-D and 3-D."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

torch = pytest.importorskip("torch")

from RegQCLib.geometry.velocity import VelocityField  # noqa: E402
from RegQCLib.geometry.warp_torch import exponential, identity, warp  # noqa: E402

SHAPES = [(7, 11), (5, 8, 13)]


def drawn(shape: tuple[int, ...], size: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(2, 3, *shape)), rng.uniform(-size, size, (2, len(shape), *shape))


def sampled(image: np.ndarray, displacement: np.ndarray, order: int) -> np.ndarray:
    axes = np.indices(displacement.shape[2:])
    return np.stack(
        [
            [map_coordinates(c, axes + d, order=order, mode="nearest") for c in channels]
            for channels, d in zip(image, displacement, strict=True)
        ]
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [0.9, 6.0])  # the larger leads beyond the border
def test_linear_warp_equals_scipy(shape: tuple[int, ...], size: float) -> None:
    image, displacement = drawn(shape, size)
    result = warp(torch.from_numpy(image), torch.from_numpy(displacement))
    np.testing.assert_allclose(result.numpy(), sampled(image, displacement, 1), atol=1e-10)


@pytest.mark.parametrize("shape", SHAPES)
def test_nearest_warp_keeps_labels(shape: tuple[int, ...]) -> None:
    image, displacement = drawn(shape, 3.0)
    result = warp(torch.from_numpy(image), torch.from_numpy(displacement), mode="nearest")
    np.testing.assert_array_equal(result.numpy(), sampled(image, displacement, 0))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("axis", [0, 1])
def test_channels_are_array_axes(shape: tuple[int, ...], axis: int) -> None:
    image, displacement = drawn(shape, 0.0)
    displacement[:, axis] = 1
    result = warp(torch.from_numpy(image), torch.from_numpy(displacement)).numpy()
    ahead = np.moveaxis(image, axis + 2, 0)[1:]
    np.testing.assert_allclose(np.moveaxis(result, axis + 2, 0)[:-1], ahead, atol=1e-12)


def test_image_and_displacement_may_differ_in_shape() -> None:
    image = torch.arange(20.0).reshape(1, 1, 4, 5)
    result = warp(image, torch.full((1, 2, 2, 2), 1.0))
    np.testing.assert_allclose(result[0, 0], [[6, 7], [11, 12]])


def test_axis_of_one_voxel() -> None:
    image = torch.arange(5.0).reshape(1, 1, 1, 5)
    result = warp(image, torch.full((1, 2, 1, 5), 0.5))
    np.testing.assert_allclose(result[0, 0, 0], [0.5, 1.5, 2.5, 3.5, 4.0])


def test_identity_lists_indices() -> None:
    grid = identity((2, 3), torch.zeros(1, dtype=torch.float64))
    assert grid.dtype == torch.float64
    np.testing.assert_array_equal(grid[0].numpy(), np.indices((2, 3)))


def test_exponential_equals_the_one_in_world_space() -> None:
    shape = (9, 10, 11)
    wave = np.indices(shape) / 3
    voxels = np.stack([np.sin(wave[(c + 1) % 3]) for c in range(3)])  # along k, j, i
    spacing = np.array((0.8, 1.3, 2.0))  # i, j, k
    world = VelocityField(voxels[::-1] * spacing[:, None, None, None], np.diag((*spacing, 1.0)))
    result = exponential(torch.from_numpy(voxels)[None])[0].numpy()
    expected = world.exp().array / spacing[:, None, None, None]
    np.testing.assert_allclose(result, expected[::-1], atol=1e-4)
