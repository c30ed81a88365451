"""Losses that know where every point belongs: closed forms, and what they prefer."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from RegQCLib.geometry.warp_torch import warp
from RegQCLib.training.registration.true_displacement import (
    displacement_error,
    matching_loss,
    pyramid_error,
)

SHAPE = (16, 16, 16)


@pytest.fixture
def shown() -> torch.Tensor:
    inside = torch.zeros(1, 1, *SHAPE)
    inside[..., 4:12, 4:12, 4:12] = 1
    return inside


def constant(*shift: float, shape: tuple[int, ...] = SHAPE) -> torch.Tensor:
    return torch.tensor(shift).view(1, 3, 1, 1, 1).expand(1, 3, *shape).clone()


def test_displacement_error_is_the_mean_distance():
    found = displacement_error(constant(3, 0, 4), constant(0, 0, 0))
    assert float(found) == pytest.approx(5, rel=1e-5)


def test_pyramid_error_counts_voxels_of_the_image_and_coarser_levels_half(shown):
    truth = constant(4, 0, 0)
    exact = [constant(1, 0, 0, shape=(4, 4, 4)), constant(2, 0, 0, shape=(8, 8, 8))]
    floor = 0.1 * 1.5  # the root of its 0.01, at both levels
    assert float(pyramid_error(exact, truth, shown)) == pytest.approx(floor, rel=1e-4)
    wrong = [exact[0], constant(3, 0, 0, shape=(8, 8, 8))]  # 2 voxels of the image
    assert float(pyramid_error(wrong, truth, shown)) == pytest.approx(2 + 0.05, abs=0.01)
    wrong = [constant(2, 0, 0, shape=(4, 4, 4)), exact[1]]  # 4 voxels
    assert float(pyramid_error(wrong, truth, shown)) == pytest.approx(2 + 0.1, abs=0.01)


def test_pyramid_error_hardly_counts_air(shown):
    truth = constant(0, 0, 0)
    inside, outside = (torch.zeros(1, 3, *SHAPE) for _ in range(2))
    inside[:, :, 6:10, 6:10, 6:10] = outside[:, :, :4, :4, :4] = 1
    errors = [float(pyramid_error([level], truth, shown)) for level in (inside, outside)]
    assert errors[0] - 0.1 > 10 * (errors[1] - 0.1) > 0


def described(truth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Features of unit length, each voxel's own, of an image and of the same moved by the truth."""
    generator = torch.Generator().manual_seed(0)
    moving = torch.randn(1, 12, *SHAPE, generator=generator)
    fixed = warp(moving, truth)
    return functional.normalize(fixed, dim=1), functional.normalize(moving, dim=1)


def test_matching_prefers_features_that_agree_where_they_belong(shown):
    truth = constant(2, -1, 0)
    right, wrong = described(truth), described(constant(2, 0, 0))
    torch.manual_seed(0)
    good = float(matching_loss([right], truth, shown))
    assert good < 0.2
    assert float(matching_loss([wrong], truth, shown)) > good + 3
    same = torch.ones(1, 1, *SHAPE)  # nothing to tell 125 places apart by
    told = float(matching_loss([(same, same)], truth, shown))
    assert told == pytest.approx(float(torch.log(torch.tensor(125.0))), rel=1e-4)


def test_matching_is_the_mean_over_levels_and_zero_for_pairs_without_anything(shown):
    truth = constant(0, 0, 0)
    fine = described(truth)
    same = (torch.ones(1, 1, 8, 8, 8),) * 2
    torch.manual_seed(0)
    both = float(matching_loss([same, fine], truth, shown))
    assert both == pytest.approx(float(torch.log(torch.tensor(125.0))) / 2, abs=0.1)
    features = fine[1].clone().requires_grad_()
    empty = matching_loss([(fine[0], features)], truth, 0 * shown)
    empty.backward()
    assert float(empty.detach()) == 0
    assert float(features.grad.abs().max()) == 0
