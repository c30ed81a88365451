"""What the matcher learns from: weights of cells, and a loss that the truth minimizes."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from RegQCLib.qc.networks.matcher import CELL
from RegQCLib.synthesis.slice_pairs import SlicePairs
from RegQCLib.training.matcher_task import _nearest_cells, matcher_loss

RADIUS = 3
WINDOW = 2 * RADIUS + 1


def test_four_cells_share_a_position():
    generator = torch.Generator().manual_seed(0)
    position = torch.rand(3, 2, 5, 6, generator=generator) * (WINDOW - 1)
    position[0, :, 0, 0] = torch.tensor([2.0, WINDOW - 1.0])  # on a cell, on the last column
    index, weight = _nearest_cells(position, WINDOW)
    assert index.shape == weight.shape == (3, 4, 5, 6)
    assert 0 <= int(index.min()) <= int(index.max()) < WINDOW**2
    assert float(weight.min()) >= 0
    np.testing.assert_allclose(weight.sum(dim=1), 1, atol=1e-5)
    row = (weight * (index // WINDOW)).sum(dim=1)
    column = (weight * (index % WINDOW)).sum(dim=1)
    np.testing.assert_allclose(torch.stack([row, column], dim=1), position, atol=2e-4)
    distance = torch.stack([index // WINDOW, index % WINDOW], dim=2) - position[:, None]
    assert float(distance.abs().max()) <= 1 + 1e-3, "not the nearest cells"


def pairs(match_pixels: tuple[float, float], pixel_mm: float = 1.5) -> SlicePairs:
    """Two pairs of 16 x 16 pixels, everywhere displaced by the same vector."""
    match = torch.tensor([*match_pixels, 0.0]) * pixel_mm
    return SlicePairs(
        images=torch.zeros(2, 2, 16, 16),
        match_mm=match[None, :, None, None].expand(2, 3, 16, 16),
        mean_mm=torch.ones(2),
        misaligned=torch.ones(2, dtype=torch.bool),
        body=torch.ones(2, 16, 16, dtype=torch.bool),
        pixel_mm=torch.full((2,), pixel_mm),
    )


def model_sure_of(row: int, column: int) -> SimpleNamespace:
    """A stand-in that gives one cell 0.9 and the others the rest, everywhere."""
    p = torch.full((2, WINDOW, WINDOW, 4, 4), 0.1 / (WINDOW**2 - 1))
    p[:, RADIUS + row, RADIUS + column] = 0.9
    return SimpleNamespace(
        settings=SimpleNamespace(radius=RADIUS), log_probabilities=lambda _: p.log()
    )


def test_the_loss_is_the_log_probability_of_the_true_cell():
    loss, values = matcher_loss(model_sure_of(2, -1), pairs((2 * CELL, -1 * CELL)))
    assert float(loss) == pytest.approx(-np.log(0.9), abs=2e-3)
    assert values["error_pixels"] == pytest.approx(0.1 * np.hypot(2, 1) * CELL, rel=0.03)
    transposed, _ = matcher_loss(model_sure_of(-1, 2), pairs((2 * CELL, -1 * CELL)))
    assert float(transposed) > 4
    between, _ = matcher_loss(model_sure_of(2, -1), pairs((1.5 * CELL, -1 * CELL)))
    assert float(loss) + 1 < float(between) < float(transposed)


def test_what_lies_outside_the_body_or_the_window_does_not_count():
    far = pairs((CELL * (RADIUS + 1), 0))
    loss, values = matcher_loss(model_sure_of(0, 0), far)
    assert float(loss) == 0
    assert values["error_pixels"] == 0
    mixed = pairs((0, 0))
    match = mixed.match_mm.clone()
    match[:, 0, 8:] = 2 * CELL * 1.5  # wrong by two cells in the lower half, which is no body
    body = mixed.body.clone()
    body[:, 8:] = False
    loss, _ = matcher_loss(model_sure_of(0, 0), replace(mixed, match_mm=match, body=body))
    assert float(loss) == pytest.approx(-np.log(0.9), abs=2e-3)
    loss, _ = matcher_loss(model_sure_of(0, 0), replace(mixed, match_mm=match))
    assert float(loss) > 2
