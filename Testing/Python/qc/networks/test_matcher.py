"""The matcher: correlation against a plain loop, moments against a planted shift."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from RegQCLib.qc.networks.matcher import CELL, QUERY, Matcher, MatcherSettings, correlation


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("height", "width", "radius"), [(8, 12, 2), (4, 6, 5), (10, 4, 1)])
def test_correlation_is_the_plain_loop(height, width, radius):
    fixed, moved = normal(2, 2, 3, height, width)
    got = correlation(fixed, moved, radius).numpy()
    window = 2 * radius + 1
    expected = np.zeros((2, window, window, height // QUERY, width // QUERY))
    for row in range(0, height, QUERY):
        for column in range(0, width, QUERY):
            for i in range(window):
                for j in range(window):
                    y, x = row + i - radius, column + j - radius
                    if 0 <= y < height and 0 <= x < width:
                        product = (fixed[:, :, row, column] * moved[:, :, y, x]).sum(1)
                        expected[:, i, j, row // QUERY, column // QUERY] = product
    np.testing.assert_allclose(got, expected, atol=1e-5)


class Pixels(nn.Module):
    """The image itself as features: the four pixels of each cell, scaled to unit length."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return functional.normalize(functional.pixel_unshuffle(image, CELL), dim=1)


def planted(row: int, column: int, sharpness: float) -> torch.Tensor:
    """Moments (5, 12, 14) for a noise image whose content moved by whole cells."""
    model = Matcher(MatcherSettings(width=4, features=4, radius=4))
    model.encoder = Pixels()
    model.sharpness.data.fill_(math.log(sharpness))
    fixed = normal(1, 1, 48, 56)
    moved = torch.roll(fixed, (CELL * row, CELL * column), dims=(2, 3))
    with torch.inference_mode():
        return model(torch.cat([fixed, moved], dim=1))[0]


@pytest.mark.parametrize(("row", "column"), [(0, 0), (3, -1), (-2, 4)])
def test_a_planted_shift_is_found_in_pixels(row, column):
    moments = planted(row, column, 1000.0)[:, 3:-3, 3:-3]
    np.testing.assert_allclose(moments[0].median(), CELL * row, atol=0.05)
    np.testing.assert_allclose(moments[1].median(), CELL * column, atol=0.05)
    assert float(moments[2:4].median()) < 0.2
    right = ((moments[0] - CELL * row).abs() < 1) & ((moments[1] - CELL * column).abs() < 1)
    assert float(right.float().mean()) > 0.7  # noise sometimes resembles something else more


def test_without_evidence_every_displacement_is_as_likely():
    moments = planted(2, 1, 1e-6)
    offsets = CELL * np.arange(-4, 5)
    np.testing.assert_allclose(moments[:2], 0, atol=1e-3)
    np.testing.assert_allclose(moments[2:4], offsets.var(), rtol=1e-3)
    np.testing.assert_allclose(moments[4], 0, atol=1e-2)


def test_probabilities_sum_to_one_and_moments_are_theirs():
    model = Matcher(MatcherSettings(width=4, features=6, radius=3)).eval()
    images = torch.rand(2, 2, 24, 32, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        p = model.log_probabilities(images).exp().double().numpy()
        moments = model(images).numpy()
    assert p.shape == (2, 7, 7, 6, 8)
    np.testing.assert_allclose(p.sum(axis=(1, 2)), 1, atol=1e-5)
    offset = CELL * np.arange(-3, 4)
    row, column = np.einsum("nijhw,i->nhw", p, offset), np.einsum("nijhw,j->nhw", p, offset)
    product = np.einsum("nijhw,i,j->nhw", p, offset, offset)
    np.testing.assert_allclose(moments[:, 0], row, atol=1e-4)
    np.testing.assert_allclose(moments[:, 1], column, atol=1e-4)
    np.testing.assert_allclose(moments[:, 4], product - row * column, atol=1e-3)


def test_features_do_not_depend_on_the_other_image():
    model = Matcher(MatcherSettings(width=4, features=6, radius=2)).eval()
    image = torch.rand(3, 1, 16, 24, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        together, alone = model.encoder(image), model.encoder(image[1:2])
    assert together.shape == (3, 6, 8, 12)
    np.testing.assert_allclose(together[1:2], alone, atol=1e-5)
