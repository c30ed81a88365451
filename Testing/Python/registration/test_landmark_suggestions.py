"""Suggested places: corners of a box and nothing else, apart from each other and from the edges."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import cdist, pdist

from RegQCLib.errors import InputError
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.landmarks import suggest_landmarks

SHAPE = (36, 60, 70)
BOX = (slice(9, 27), slice(16, 44), slice(20, 52))  # (k, j, i)
AFFINE = Affine.from_parameters(
    rotation_deg=(20, -10, 40), scale=(0.9, 1.1, 2.0), translation_mm=(-30, 12, 5)
).matrix


def image(array: np.ndarray, affine: np.ndarray = AFFINE) -> Volume:
    return Volume(array.astype(np.float32), affine, "image.nii")


def box(noise: float = 0.0) -> Volume:
    array = np.zeros(SHAPE)
    array[BOX] = 100
    return image(array + noise * np.random.default_rng(0).normal(size=SHAPE))


def corners(volume: Volume) -> np.ndarray:
    ends = [(axis.start - 0.5, axis.stop - 0.5) for axis in BOX[::-1]]
    return volume.grid.to_world(np.array(list(product(*ends))))


@pytest.mark.parametrize("noise", [0.0, 3.0])
def test_corners_of_a_box_and_nothing_else(noise):
    volume = box(noise)
    found = suggest_landmarks(volume, 20)
    apart = cdist(corners(volume), found)
    assert len(found) == 8  # neither edges, nor sides, nor the flat inside and outside
    assert (apart.min(axis=1) < 2).all()  # at a scale of 2 mm
    assert len(set(apart.argmin(axis=1))) == 8


def test_brightness_and_offset_do_not_matter():
    volume = box(1.0)
    other = image(volume.array * -7.0 + 1000)
    np.testing.assert_allclose(suggest_landmarks(volume, 8), suggest_landmarks(other, 8))


def test_a_few_bright_voxels_do_not_outshine_the_rest():
    array = box().array.copy()
    array[12, 10, 10] = 1e6  # such as metal
    found = suggest_landmarks(image(array), 20)
    assert (cdist(corners(box()), found).min(axis=1) < 2).all()


def test_the_same_places_whatever_the_orientation_of_the_grid():
    volume = box()
    flipped = AFFINE.copy()
    flipped[:3, 3] += AFFINE[:3, 0] * (SHAPE[2] - 1)
    flipped[:3, 0] *= -1
    turned = image(volume.array[:, :, ::-1], flipped)
    found, other = suggest_landmarks(volume, 8), suggest_landmarks(turned, 8)
    assert cdist(found, other).min(axis=1).max() < 0.5  # every n-th voxel from another end


def texture(seed: int = 1) -> Volume:
    noise = np.random.default_rng(seed).normal(size=SHAPE)
    return image(gaussian_filter(noise, 3 / np.array([2.0, 1.1, 0.9])))


@pytest.mark.parametrize("distance", [6.0, 15.0])
def test_places_keep_their_distance(distance):
    found = suggest_landmarks(texture(), 30, min_distance_mm=distance)
    assert pdist(found).min() >= distance
    assert len(found) > 4


def test_places_are_spread_rather_than_the_strongest():
    array = texture().array.copy()
    array[:, :, :35] *= 2.5
    volume = image(array)
    found = suggest_landmarks(volume, 12, min_distance_mm=1)
    assert pdist(found).min() > 12  # of 12 in a box of 63 x 66 x 72 mm; the closest are 5 mm apart
    assert (volume.grid.to_index(found)[:, 0] > 35).any()


def test_no_more_than_wanted_and_the_most_prominent_first():
    many = suggest_landmarks(texture(), 10)
    few = suggest_landmarks(texture(), 4)
    np.testing.assert_array_equal(few, many[:4])


@pytest.mark.parametrize("margin", [0.0, 12.0])
def test_places_keep_away_from_the_edges(margin):
    volume = texture()
    found = suggest_landmarks(volume, 200, margin_mm=margin, min_distance_mm=1)
    index = volume.grid.to_index(found)
    beyond = np.minimum(index, np.array(SHAPE[::-1]) - 1 - index) * volume.spacing
    assert beyond.min() >= margin
    assert (beyond.min(axis=0) < margin + 8).all()  # but use what is left


def test_only_the_mask_is_searched():
    volume = box()
    half = np.zeros(SHAPE, np.uint8)
    half[:, :, :36] = 1
    found = suggest_landmarks(volume, 20, Volume(half, AFFINE, "mask.nii"))
    assert len(found) == 4
    assert (volume.grid.to_index(found)[:, 0] < 36).all()


def test_thick_slices():
    affine = np.diag([1.0, 1.0, 5.0, 1.0])
    array = np.zeros((14, 60, 70))
    array[4:10, 16:44, 20:52] = 1
    volume = image(array, affine)
    found = suggest_landmarks(volume, 20)
    ends = np.array(list(product((19.5, 51.5), (15.5, 43.5), (3.5, 9.5))))
    assert len(found) == 8
    assert (cdist(volume.grid.to_world(ends), found).min(axis=1) < 3).all()


def test_a_column_has_no_corner():
    array = np.zeros(SHAPE)
    array[:, 20:40, 25:45] = 1  # the same in every slice
    with pytest.raises(InputError, match=r"image\.nii: no place there has structure"):
        suggest_landmarks(image(array), 5)


@pytest.mark.parametrize(
    ("volume", "options", "reason"),
    [
        (image(np.ones(SHAPE)), {}, "every voxel has the value"),
        (image(np.full(SHAPE, np.nan)), {}, "NaN"),
        (box(), {"count": 0}, "count from 1"),
        (box(), {"scale_mm": 0.0}, "scale above 0"),
        (box(), {"margin_mm": -1.0}, "distances from 0"),
        (box(), {"margin_mm": 60.0}, "nothing is left 60 mm away"),
        (box(), {"mask": Volume(np.zeros(SHAPE), AFFINE, "mask.nii")}, "mask is empty"),
    ],
)
def test_what_cannot_be_searched_is_refused(volume, options, reason):
    with pytest.raises(InputError, match=reason):
        suggest_landmarks(volume, **{"count": 5, **options})
