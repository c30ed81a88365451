"""Preprocessing: what the engines see keeps its place in the world."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from RegQCLib.errors import InputError
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.preprocess import CROP_MARGIN_MM, Preprocessing, as_weights

TURNED = Affine.from_parameters(
    rotation_deg=(10, 20, 30), scale=(-1.5, 2.0, 2.5), translation_mm=(5, 6, 7)
).matrix


def block(low, high, shape=(40, 44, 50)):
    """A bright block of voxels (k, j, i) with faint noise around it."""
    array = np.random.default_rng(0).normal(1, 0.1, shape).astype(np.float32)
    array[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = 100
    return Volume(array, TURNED, "block")


def test_nothing_is_done_unless_asked_for():
    image = block((15, 15, 15), (25, 25, 25))
    same, told = Preprocessing().apply(image)
    assert same is image
    assert told == {"mask": None}


@settings(max_examples=20, deadline=None, derandomize=True)
@given(low=st.tuples(*[st.integers(0, 15)] * 3), size=st.tuples(*[st.integers(6, 20)] * 3))
def test_a_crop_keeps_the_mask_its_margin_and_its_place(low, size):
    image = block((20, 20, 20), (24, 24, 24))
    drawn = np.zeros(image.shape, np.uint8)
    high = [a + n for a, n in zip(low, size, strict=True)]
    drawn[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = 1
    cut, told = Preprocessing(crop=True).apply(image, image.with_array(drawn, name="mask"))
    assert told == {"mask": "mask", "cropped_to_voxels": list(cut.shape[::-1])}
    index = np.rint(image.grid.to_index(cut.grid.to_world([0, 0, 0]))).astype(int)[::-1]
    window = tuple(slice(a, a + n) for a, n in zip(index, cut.shape, strict=True))
    np.testing.assert_array_equal(image.array[window], cut.array)
    for axis, step in enumerate(image.spacing[::-1]):
        margin = int(np.ceil(CROP_MARGIN_MM / step))
        assert index[axis] == max(low[axis] - margin, 0)
        assert index[axis] + cut.shape[axis] == min(high[axis] + margin, image.shape[axis])


def test_a_crop_without_a_mask_goes_to_the_body():
    cut, _ = Preprocessing(crop=True).apply(block((12, 12, 12), (28, 28, 30)))
    assert cut.shape == (28, 32, 38)  # 6, 8 and 10 voxels around 16, 16 and 18
    assert (cut.array == 100).sum() == 16 * 16 * 18


def test_clipping_is_by_percentiles():
    image = block((15, 15, 15), (25, 25, 25))
    clipped, told = Preprocessing(clip=(2, 95)).apply(image)
    low, high = np.percentile(image.array, (2, 95))
    assert told["clipped_to"] == pytest.approx([low, high])
    np.testing.assert_allclose(clipped.array, np.clip(image.array, low, high), rtol=1e-6)
    assert clipped.array.dtype == image.array.dtype


def test_clipping_leaves_what_it_would_empty():
    array = np.zeros((20, 20, 20), np.float32)
    array[10, 10, 10] = 5
    same, told = Preprocessing(clip=(1, 99)).apply(Volume(array, TURNED, "dot"))
    assert same.array.max() == 5
    assert "clipped_to" not in told


def test_averaging_keeps_mean_and_place():
    image = block((15, 15, 15), (25, 25, 25))
    coarse, told = Preprocessing(resample_mm=5).apply(image)
    assert coarse.shape == (20, 22, 16)  # 2.5, 2.0 and 1.5 mm by 2, 2 and 3
    assert told["resampled_to_mm"] == [4.5, 4.0, 5.0]
    assert coarse.array[3, 4, 5] == pytest.approx(image.array[6:8, 8:10, 15:18].mean(), rel=1e-5)
    np.testing.assert_allclose(coarse.grid.to_world([5, 4, 3]), image.grid.to_world([16, 8.5, 6.5]))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"clip": (50, 50)}, "two percentiles"),
        ({"clip": (-1, 50)}, "two percentiles"),
        ({"clip": (1, 101)}, "two percentiles"),
        ({"clip": (float("nan"), 99)}, "two percentiles"),
        ({"resample_mm": 0.0}, "positive number of mm"),
        ({"resample_mm": float("inf")}, "positive number of mm"),
    ],
)
def test_senseless_values_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        Preprocessing(**options)


def test_weights_are_the_mask_on_the_grid_of_its_image():
    image = block((15, 15, 15), (25, 25, 25))
    assert as_weights(None, image) is None
    drawn = (image.array > 50).astype(np.int16) * 7
    weights = as_weights(image.with_array(drawn, name="mask"), image)
    np.testing.assert_array_equal(weights.array, image.array > 50)
    with pytest.raises(InputError, match="mask is empty"):
        as_weights(image.with_array(drawn * 0, name="mask"), image)
