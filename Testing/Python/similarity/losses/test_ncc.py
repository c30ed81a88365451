"""Correlation against NumPy and SimpleITK."""

import numpy as np
import pytest
import SimpleITK
import torch

from RegQCLib.similarity import ncc as arrays
from RegQCLib.similarity.losses.ncc import ncc


@pytest.fixture
def pair():
    rng = np.random.default_rng(1)
    first = rng.normal(size=(5, 6, 7))
    return first, 0.4 * first + rng.normal(size=first.shape) + 1000


def tensors(*images):
    return [torch.from_numpy(image)[None, None] for image in images]


def test_it_is_the_numpy_measure_inside_the_mask(pair):
    mask = np.zeros(pair[0].shape, dtype=bool)
    mask[1:4, 2:, :5] = True
    result = 1 - ncc(*tensors(*pair), weights=torch.from_numpy(mask)[None, None]).item()
    assert result == pytest.approx(arrays.ncc(*pair, mask), abs=1e-12)


def test_weights_are_those_of_a_weighted_covariance(pair):
    weights = np.random.default_rng(2).uniform(size=pair[0].shape)
    matrix = np.cov(pair[0].ravel(), pair[1].ravel(), aweights=weights.ravel())
    expected = matrix[0, 1] / np.sqrt(matrix[0, 0] * matrix[1, 1])
    result = ncc(*tensors(*pair), weights=torch.from_numpy(weights)[None, None])
    assert 1 - result.item() == pytest.approx(expected, abs=1e-12)


def test_squared_it_is_the_metric_of_simpleitk(pair):
    method = SimpleITK.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    theirs = method.MetricEvaluate(*map(SimpleITK.GetImageFromArray, pair))
    assert ncc(*tensors(*pair), squared=True).item() == pytest.approx(1 + theirs, abs=1e-9)


def test_an_inverted_copy_is_the_worst_or_as_good_as_any(pair):
    fixed = tensors(pair[0])[0]
    assert ncc(fixed, 3 - 2 * fixed).item() == pytest.approx(2)
    assert ncc(fixed, 3 - 2 * fixed, squared=True).item() == pytest.approx(0, abs=1e-12)


def test_an_offset_takes_no_digits_away(pair):
    fixed, moving = (image.float() for image in tensors(*pair))
    expected = np.corrcoef(fixed.double().flatten(), moving.double().flatten())[0, 1]
    assert 1 - ncc(fixed, moving).item() == pytest.approx(expected, abs=1e-6)
