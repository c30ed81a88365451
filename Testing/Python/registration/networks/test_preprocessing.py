"""Preparing images for networks: the same for every way of storing them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from RegQCLib.errors import InputError
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.networks.preprocessing import ImagePreprocessing
from RegQCLib.registration.networks.settings import read_settings


def head(seed: int = 0) -> Volume:
    """A bright box with texture, off the middle, on an oblique grid of unequal voxels."""
    rng = np.random.default_rng(seed)
    array = np.zeros((20, 30, 40), np.float32)
    array[5:15, 8:27, 4:25] = 100 + rng.normal(0, 10, (10, 19, 21))
    turn = Affine.from_parameters(rotation_deg=(4, -7, 11), translation_mm=(13, -20, 5)).matrix
    return Volume(array, turn @ np.diag([1.2, 1.5, 3.0, 1.0]), "head")


FLIPS = [(0, 0, 1), (0, 1, 0), (1, 0, 0), (1, 1, 0), (0, 1, 1), (1, 1, 1)]
STORED = list(zip(itertools.permutations(range(3)), FLIPS, strict=True))


@pytest.mark.parametrize(("order", "flips"), STORED)
def test_how_an_image_is_stored_does_not_matter(order, flips):
    volume = head()
    array = volume.array.transpose([2 - axis for axis in reversed(order)])
    affine = volume.affine.copy()
    affine[:, :3] = volume.affine[:, list(order)]
    for axis, flip in enumerate(flips):
        if flip:
            affine[:, 3] += affine[:, axis] * (array.shape[2 - axis] - 1)
            affine[:, axis] *= -1
            array = np.flip(array, 2 - axis)
    stored = Volume(array, affine, "stored")
    prepared = ImagePreprocessing(spacing_mm=2.5)
    expected, grid = prepared.network_grid(volume, 4), prepared.network_grid(stored, 4)
    assert grid.same_as(expected)
    np.testing.assert_allclose(
        prepared.image(stored, grid), prepared.image(volume, expected), atol=1e-4
    )


@pytest.mark.parametrize("crop", [True, False])
def test_the_grid_covers_the_body_in_whole_multiples(crop):
    volume = head()
    prepared = ImagePreprocessing(spacing_mm=2.5, crop=crop, margin_mm=4)
    grid = prepared.network_grid(volume, 4)
    assert grid.world_axes == (0, 1, 2)
    assert (np.diag(grid.direction) > 0).all()
    np.testing.assert_allclose(grid.spacing, 2.5)
    assert all(n % 4 == 0 for n in grid.shape)
    points = volume.grid.points()[volume.array > 0]
    index = grid.to_index(points)
    margin = 4 / 2.5 if crop else 0
    assert index.min() >= margin - 0.5
    assert (index <= np.array(grid.shape[::-1]) - 0.5 - margin).all()
    whole = ImagePreprocessing(spacing_mm=2.5, crop=False).network_grid(volume, 4)
    assert crop == (np.prod(grid.shape) < np.prod(whole.shape))


def test_values_are_those_of_the_image_there():
    volume = head()
    prepared = ImagePreprocessing(spacing_mm=1.0, clip=None, normalization="none")
    grid = prepared.network_grid(volume)
    move = Affine.rigid(rotation_deg=(3, 0, 5), translation_mm=(1, -2, 3), center=(13, -20, 5))
    index = volume.grid.to_index(move.apply(grid.points()))
    expected = map_coordinates(volume.array, np.moveaxis(index, -1, 0)[::-1], order=1)
    np.testing.assert_allclose(prepared.image(volume, grid, move), expected, atol=1e-2)


def test_finer_voxels_are_averaged_not_skipped():
    array = np.indices((16, 16, 16)).sum(0) % 2 * 100.0  # a checkerboard
    array[0, 0, 0] = 0
    volume = Volume(array, np.eye(4), "board")
    prepared = ImagePreprocessing(spacing_mm=2, crop=False, clip=None, normalization="none")
    np.testing.assert_allclose(prepared.image(volume, prepared.network_grid(volume)), 50)


def test_intensities():
    values = np.random.default_rng(0).gamma(2, 50, (9, 8, 7))
    clipped = np.clip(values, *np.percentile(values, (2, 90)))
    scaled = ImagePreprocessing(clip=(2, 90)).scaled(values)
    assert (scaled.min(), scaled.max(), scaled.dtype) == (0, 1, np.float32)
    assert np.corrcoef(scaled.ravel(), clipped.ravel())[0, 1] > 1 - 1e-9
    scores = ImagePreprocessing(clip=None, normalization="zscore").scaled(values)
    np.testing.assert_allclose([scores.mean(), scores.std()], [0, 1], atol=1e-5)
    np.testing.assert_array_equal(ImagePreprocessing().scaled(np.full((2, 2, 2), 7)), 0)


def test_a_size_is_kept_around_the_body():
    volume = head()
    grid = ImagePreprocessing(size=(10, 30, 17), margin_mm=0).network_grid(volume, 8)
    assert grid.shape == (16, 32, 24)
    corners = np.array([[4, 8, 5], [24, 26, 14]])  # (i, j, k) of the box
    np.testing.assert_allclose(grid.center, volume.grid.to_world(corners.mean(0)), atol=1e-6)
    with pytest.raises(InputError, match="works on 2 axes and the image has 3"):
        ImagePreprocessing(size=(16, 16)).network_grid(volume)


@pytest.mark.parametrize("flat", [0, 1, 2])
def test_a_slice_stays_a_slice(flat):
    array = np.moveaxis(head().array[8:9], 0, flat)
    volume = Volume(array, np.diag([1.5, 1.2, 1.7, 1.0]), "slice")
    grid = ImagePreprocessing(spacing_mm=1.0).network_grid(volume, 16)
    assert grid.shape[flat] == 1
    assert [n % 16 for axis, n in enumerate(grid.shape) if axis != flat] == [0, 0]
    assert ImagePreprocessing(spacing_mm=1.0).image(volume, grid).max() == 1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"spacing_mm": 0}, "positive number of mm"),
        ({"clip": [60, 40]}, "low and high"),
        ({"clip": [1, 2, 3]}, "wrong type"),
        ({"normalization": "histogram"}, "minmax, zscore, none"),
        ({"margin_mm": -1}, "margin_mm"),
        ({"size": [16]}, "two or three"),
        ({"spacing_mm": "fine"}, "wrong type"),
        ({"spacing": 2}, "unknown settings spacing; known are spacing_mm"),
    ],
)
def test_settings_that_make_no_sense_are_refused(values, words):
    with pytest.raises(InputError, match=words):
        read_settings(ImagePreprocessing, values, "preprocessing")
