"""What the matcher learns: the probability of the true displacement, everywhere at once."""

from __future__ import annotations

import torch
from torch import Tensor

from RegQCLib.qc.networks.matcher import CELL, QUERY, Matcher
from RegQCLib.synthesis.slice_pairs import SlicePairs


def matcher_loss(model: Matcher, pairs: SlicePairs) -> tuple[Tensor, dict[str, float]]:
    """Cross-entropy of the true displacement, shared among its four nearest cells.

    Only queries inside the body whose true displacement lies in the search window count.
    Also returns the mean in-plane error of the expected displacement (pixels).
    """
    radius = model.settings.radius
    step = CELL * QUERY
    truth = pairs.match_mm[:, :2, ::step, ::step] / pairs.pixel_mm[:, None, None, None]
    body = pairs.body[:, ::step, ::step]
    counted = body & (truth.abs().amax(dim=1) < CELL * radius - 1e-3)
    log_p = model.log_probabilities(pairs.images)
    target, weight = _nearest_cells(truth / CELL + radius, log_p.shape[1])
    chosen = log_p.flatten(1, 2).gather(1, target)
    entropy = -(weight * chosen).sum(dim=1)
    loss = (entropy * counted).sum() / counted.sum().clamp(min=1)
    with torch.no_grad():
        error = (_expectation(log_p, radius) - truth).norm(dim=1)
        mean_error = (error * counted).sum() / counted.sum().clamp(min=1)
    return loss, {"cross_entropy": float(loss.detach()), "error_pixels": float(mean_error)}


def _nearest_cells(position: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Flat indices (N, 4, h, w) and bilinear weights of the four cells around ``position``."""
    position = position.clamp(0, window - 1 - 1e-4)
    low = position.floor()
    part = position - low
    row, column = low.long().unbind(1)
    indices, weights = [], []
    for row_step in (0, 1):
        for column_step in (0, 1):
            indices.append((row + row_step) * window + column + column_step)
            row_weight = part[:, 0] if row_step else 1 - part[:, 0]
            column_weight = part[:, 1] if column_step else 1 - part[:, 1]
            weights.append(row_weight * column_weight)
    return torch.stack(indices, dim=1), torch.stack(weights, dim=1)


def _expectation(log_p: Tensor, radius: int) -> Tensor:
    p = log_p.exp()
    offset = CELL * torch.arange(-radius, radius + 1, device=p.device).float()
    row = torch.einsum("nijhw,i->nhw", p, offset)
    column = torch.einsum("nijhw,j->nhw", p, offset)
    return torch.stack([row, column], dim=1)
