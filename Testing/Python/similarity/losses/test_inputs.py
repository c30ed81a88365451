"""Means and deviations against NumPy, and constants that do not survive rounding."""

import numpy as np
import pytest
import torch

from RegQCLib.similarity.losses.inputs import spatial_mean, standardized

SHAPE = (2, 3, 7, 9, 11)


@pytest.fixture
def weights():
    return np.random.default_rng(1).uniform(size=(2, 1, *SHAPE[2:]))


def test_every_channel_gets_mean_0_and_variance_1(weights):
    images = np.random.default_rng(2).gamma(2, size=SHAPE) + 300
    result = standardized(torch.from_numpy(images), torch.from_numpy(weights)).numpy()
    for n, c in np.ndindex(2, 3):
        w = weights[n, 0]
        mean = np.average(images[n, c], weights=w)
        deviation = np.sqrt(np.average((images[n, c] - mean) ** 2, weights=w))
        assert result[n, c] == pytest.approx((images[n, c] - mean) / deviation)
    means = spatial_mean(torch.from_numpy(images), torch.from_numpy(weights)).numpy()
    assert means[1, 2] == pytest.approx(np.average(images[1, 2], weights=weights[1, 0]))


@pytest.mark.parametrize("weighted", [False, True])
def test_the_rounding_of_a_constant_is_no_contrast(weights, weighted):
    image = torch.full(SHAPE, 7.7)
    chosen = torch.from_numpy(weights).float() if weighted else None
    # The mean is rounded, too: without this the test would show nothing.
    assert (image - spatial_mean(image, chosen)[..., None, None, None]).any()
    assert not standardized(image, chosen).any()


def test_a_faint_image_on_a_large_offset_is_contrast():
    image = torch.full(SHAPE, 1000.0)
    image[..., ::2] += 0.01
    assert standardized(image, None).abs().mean().item() == pytest.approx(1, abs=0.05)
