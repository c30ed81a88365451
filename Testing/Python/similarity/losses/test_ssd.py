"""Squared differences by NumPy's average."""

import numpy as np
import pytest
import torch

from RegQCLib.similarity.losses.ssd import ssd


def test_it_is_the_weighted_mean_of_squared_differences():
    rng = np.random.default_rng(1)
    fixed, moving, weights = rng.uniform(size=(3, 4, 5, 6))
    tensors = [torch.from_numpy(a)[None, None] for a in (fixed, moving, weights)]
    expected = np.average((fixed - moving) ** 2, weights=weights)
    assert ssd(tensors[0], tensors[1], weights=tensors[2]).item() == pytest.approx(expected)
    plain = ssd(tensors[0], tensors[1]).item()
    assert plain == pytest.approx(np.mean((fixed - moving) ** 2))


def test_each_image_of_a_batch_counts_alike_however_large_its_mask():
    fixed = torch.zeros(2, 1, 2, 4)
    moving = torch.stack([torch.ones(1, 2, 4), torch.full((1, 2, 4), 3.0)])
    weights = torch.ones(2, 1, 2, 4)
    weights[0, :, :, 1:] = 0
    assert ssd(fixed, moving, weights=weights).item() == pytest.approx((1 + 9) / 2)
