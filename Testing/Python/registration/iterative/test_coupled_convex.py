"""The discrete start: shifts that no descent could follow."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from RegQCLib.registration.iterative.coupled_convex import STRIDE, coupled_convex


def features(shape, seed=0):
    rng = np.random.default_rng(seed)
    return torch.tensor(
        np.stack([gaussian_filter(rng.standard_normal(shape), 0.8) for _ in range(4)])
    )[None]


@pytest.mark.parametrize(("shape", "shift"), [((16, 18, 20), (3, -2, 1)), ((48, 50), (-3, 2))])
def test_a_shift_is_found_everywhere(shape, shift):
    fixed = features(shape)
    axes = tuple(range(2, 2 + len(shape)))
    moving = torch.roll(fixed, shift, axes)  # fixed x is at x + shift
    found = coupled_convex(fixed, moving, None, radius=(4,) * len(shape))
    assert found.shape == (len(shape), *(-(-n // STRIDE) for n in shape))
    inner = found[(slice(None), *[slice(3, -3)] * len(shape))]
    expected = torch.tensor(shift, dtype=found.dtype).view(-1, *[1] * len(shape)).expand_as(inner)
    torch.testing.assert_close(inner, expected, atol=0.2, rtol=0)


def test_nothing_moves_between_images_without_structure():
    flat = torch.ones(1, 2, 8, 8, 8)
    assert (coupled_convex(flat, flat, None, radius=(2, 2, 2)) == 0).all()


def test_what_has_no_weight_follows_its_neighbors():
    fixed = features((16, 18, 20))
    moving = torch.roll(fixed, (2, 0, 0), (2, 3, 4))
    spoiled = fixed.clone()
    spoiled[:, :, 6:10, 6:12, 6:12] = features((4, 6, 6), seed=9)
    weights = torch.ones(1, 1, 16, 18, 20, dtype=fixed.dtype)
    weights[:, :, 6:10, 6:12, 6:12] = 0
    found = coupled_convex(spoiled, moving, weights, radius=(3, 3, 3))
    assert found[0, 4, 4, 4] == pytest.approx(2, abs=0.3)
    assert found[1:, 4, 4, 4].abs().max() < 0.3


def test_what_the_moving_image_does_not_show_attracts_nothing():
    fixed = features((16, 18, 20))
    moving = torch.roll(fixed, (1, 0, 0), (2, 3, 4))
    fixed[:, :, 10:] = moving[:, :, 4:10]  # a chance match for what has no counterpart
    moving[:, :, 10:] = 0  # beyond its field of view
    weights = torch.ones(1, 1, 16, 18, 20, dtype=fixed.dtype)
    weights[:, :, 10:] = 0

    def shift(trust):
        return coupled_convex(fixed, moving, None, trust, radius=(6, 1, 1))[:, :, 2:-2, 2:-2]

    found = shift(weights)
    torch.testing.assert_close(found[0, :3], torch.ones_like(found[0, :3]), atol=0.2, rtol=0)
    assert found.min() > -0.2
    assert shift(None).min() < -3
