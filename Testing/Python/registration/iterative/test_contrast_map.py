"""A contrast learned from aligned images, against the function that made it."""

from __future__ import annotations

import numpy as np
import torch

from RegQCLib.registration.iterative.contrast_map import contrast_map

RNG = np.random.default_rng(0)
MOVING = torch.tensor(RNG.uniform(0, 10, (1, 1, 30, 40, 50)), dtype=torch.float32)


def look(values):
    """Neither rising nor falling."""
    return torch.sin(values / 2) * 3 + 1


def test_the_function_between_contrasts_is_found():
    noise = torch.tensor(RNG.normal(0, 0.3, MOVING.shape), dtype=torch.float32)
    found = contrast_map(look(MOVING) + noise, MOVING, None)
    inner = torch.linspace(1, 9, 50)
    torch.testing.assert_close(found(inner), look(inner), atol=0.15, rtol=0)


def test_what_has_no_weight_teaches_nothing():
    fixed = look(MOVING)
    weights = torch.ones_like(MOVING)
    weights[..., :20] = 0
    spoiled = fixed.clone()
    spoiled[..., :20] = 99
    inner = torch.linspace(1, 9, 50)
    found = contrast_map(spoiled, MOVING, weights)(inner)
    torch.testing.assert_close(found, look(inner), atol=0.15, rtol=0)


def test_a_constant_image_is_no_error():
    found = contrast_map(look(MOVING), torch.ones_like(MOVING), None)
    assert torch.isfinite(found(torch.tensor([0.0, 1.0, 2.0]))).all()
