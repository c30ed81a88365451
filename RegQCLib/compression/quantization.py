"""Weights in few bits: symmetric, one scale for every output channel, zero exactly zero.

The seed's report says 8 bits in one place and 4 in another, and "four times smaller": 8 bits are a
quarter of float32, 4 bits an eighth. Both are here; `RegQCLib.weights_io` writes either.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from RegQCLib.compression.layers import matrix_layers
from RegQCLib.errors import InputError
from RegQCLib.weights_io import SMALLEST_SCALE

SEARCHED = tuple(1 - 0.02 * n for n in range(26))
"""Shares of the largest magnitude that a searched scale may cover: from all of it to half."""


def largest_number(bits: int) -> int:
    """Of a symmetric grid: 127 for 8 bits, 7 for 4. Raises InputError for less than 2 bits."""
    if not 2 <= bits <= 16:
        raise InputError(f"numbers are rounded to 2 to 16 bits, not to {bits}")
    return int(2 ** (bits - 1) - 1)


def channel_scales(weight: Tensor, bits: int, *, search: bool = False) -> Tensor:
    """Step of every output channel (axis 0), shaped to multiply ``weight``.

    The largest magnitude becomes the largest number; with ``search`` a smaller range, where cutting
    off the largest costs less squared error than the finer step gains.
    """
    axes = tuple(range(1, weight.ndim))
    full = weight.detach().abs().amax(dim=axes, keepdim=True) / largest_number(bits)
    full = full.clamp(min=SMALLEST_SCALE)
    if not search:
        return full
    best, least = full, torch.full_like(full, torch.inf)
    for share in SEARCHED:
        error = (rounded(weight.detach(), share * full, bits) - weight.detach()).square()
        error = error.sum(dim=axes, keepdim=True)
        best = torch.where(error < least, share * full, best)
        least = torch.minimum(error, least)
    return best


def rounded(values: Tensor, scale: Tensor, bits: int) -> Tensor:
    """The nearest multiples of ``scale`` that ``bits`` can hold; halves go to the even one.

    The gradient is that of the straight-through estimator (Bengio et al., arXiv 1308.3432): as if
    nothing was rounded, and zero where ``values`` lies outside the grid.
    """
    reach = largest_number(bits)
    inside = torch.minimum(torch.maximum(values, -reach * scale), reach * scale)
    grid = (values.detach() / scale).round().clamp(-reach, reach) * scale
    return inside + (grid - inside).detach()


@torch.no_grad()
def quantize_weights(module: nn.Module, bits: int, *, search: bool = False) -> None:
    """Round every weight of convolutions and linear layers to its channel's grid, in place.

    Biases and normalizations stay in float: they are few. What `save_weights` then stores in
    ``bits`` reads back the same, to float rounding.
    """
    for layer in matrix_layers(module).values():
        weight = layer.get_parameter("weight")
        weight.copy_(rounded(weight, channel_scales(weight, bits, search=search), bits))
