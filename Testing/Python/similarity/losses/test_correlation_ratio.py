"""The correlation ratio against an analysis of variance."""

import numpy as np
import pytest
import torch
from scipy.stats import f_oneway

from RegQCLib.similarity.losses.correlation_ratio import correlation_ratio


def tensors(*images):
    return [torch.from_numpy(image)[None, None] for image in images]


@pytest.fixture
def pair():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 5, size=(5, 6, 7)).astype(float)
    return labels, np.array([3.0, 1, 7, 2, 2])[labels.astype(int)] + rng.normal(size=labels.shape)


def test_it_is_the_f_statistic_of_an_analysis_of_variance(pair):
    labels, values = pair
    f = f_oneway(*[values[labels == n] for n in range(5)]).statistic
    between, within = 5 - 1, values.size - 5
    expected = 1 / (1 + f * between / within)
    result = correlation_ratio(*tensors(labels, values), bins=5)
    assert result.item() == pytest.approx(expected, abs=1e-12)


def test_whole_weights_are_repeated_voxels(pair):
    counts = np.random.default_rng(2).integers(0, 4, size=pair[0].shape)
    repeated = [np.repeat(image.ravel(), counts.ravel())[None] for image in pair]
    expected = correlation_ratio(*tensors(*repeated), bins=5).item()
    result = correlation_ratio(*tensors(*pair), weights=tensors(counts)[0], bins=5)
    assert result.item() == pytest.approx(expected, abs=1e-12)


def test_any_function_of_the_fixed_image_leaves_nothing_open(pair):
    labels = pair[0]
    assert correlation_ratio(*tensors(labels, np.sin(3 * labels))).item() == pytest.approx(0)


def test_it_is_not_symmetric(pair):
    labels = pair[0]
    parity = labels % 2
    assert correlation_ratio(*tensors(labels, parity)).item() == pytest.approx(0)
    assert correlation_ratio(*tensors(parity, labels)).item() > 0.5


def test_float32_keeps_what_remains_beside_a_large_offset(pair):
    labels, values = pair
    fixed, moving = (image.float() for image in tensors(labels, 0.1 * values + 100))
    expected = correlation_ratio(*tensors(labels, values)).item()
    assert correlation_ratio(fixed, moving).item() == pytest.approx(expected, abs=1e-4)
