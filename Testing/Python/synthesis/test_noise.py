"""Random fields: closed forms, ranges and moments."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from RegQCLib.synthesis.noise import Waves, log_uniform, multiscale_noise, resize, smooth_noise


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_log_uniform_spreads_the_logarithm_evenly():
    drawn = log_uniform((20_000,), 0.5, 8, generator()).log()
    assert math.log(0.5) <= float(drawn.min()) < float(drawn.max()) <= math.log(8)
    assert float(drawn.mean()) == pytest.approx(math.log(2), abs=0.02)
    assert float(drawn.std()) == pytest.approx(math.log(16) / math.sqrt(12), abs=0.02)


@pytest.mark.parametrize("shape", [(7,), (5, 9), (4, 6, 5)])
def test_resizing_keeps_corners_and_straight_lines(shape):
    axes = torch.meshgrid(*[torch.linspace(-1, 2, n) for n in shape], indexing="ij")
    larger = [2 * n + 1 for n in shape]
    expected = torch.meshgrid(*[torch.linspace(-1, 2, n) for n in larger], indexing="ij")
    resized = resize(sum(axes)[None, None], larger)[0, 0]
    np.testing.assert_allclose(resized, sum(expected), atol=1e-5)


def test_smooth_noise_is_straight_between_its_nodes():
    noise = smooth_noise(3, (33,), 8.0, generator())
    assert noise.shape == (3, 1, 33)
    bends = noise[:, 0].diff(n=2, dim=1).abs()
    nodes = torch.arange(31) % 8 == 7
    assert float(bends[:, ~nodes].max()) < 1e-5
    assert float(bends[:, nodes].min()) > 1e-4


def test_multiscale_noise_differs_between_channels_and_seeds():
    noise, again = (multiscale_noise(4, (12, 10), (2.0, 4.0), generator(1)) for _ in range(2))
    assert noise.shape == (4, 1, 12, 10)
    assert torch.equal(noise, again)
    assert not torch.equal(noise, multiscale_noise(4, (12, 10), (2.0, 4.0), generator(2)))
    assert len({round(float(channel.std()), 5) for channel in noise}) == 4


def test_waves_have_unit_variance():
    points = torch.rand(64, 4000, 3, generator=generator(1)) * 1000
    values = Waves(64, 2, 4, (20.0, 60.0), generator())(points)
    assert values.shape == (64, 4000, 2)
    assert float(values.var(correction=0)) == pytest.approx(1, abs=0.05)
    assert float(values.mean()) == pytest.approx(0, abs=0.02)


def test_waves_are_exact_wherever_they_are_asked():
    waves = Waves(2, 3, 4, (20.0, 60.0), generator())
    points = torch.rand(2, 5, 6, 3, generator=generator(1)) * 100
    values = waves(points)
    vectors = waves.vectors.double().numpy()
    phases = waves.phases.double().numpy()[..., 0]
    angle = np.einsum("bijx,bwx->bijw", points.double().numpy(), vectors) + phases[:, None, None]
    cosines = np.cos(angle).reshape(2, 5, 6, 3, 4).sum(axis=-1) * math.sqrt(2 / 4)
    np.testing.assert_allclose(values, cosines, atol=1e-4)
    np.testing.assert_allclose(waves(points[:, 2:3, 1:4]), values[:, 2:3, 1:4], atol=1e-5)
    length = 2 * np.pi / np.linalg.norm(vectors, axis=-1)
    assert 20 <= length.min() < length.max() <= 60.001
