"""Blocks of the networks of Hu et al., MedIA 2018 (label-reg): residual convolutions up and down.

Every convolution has no bias and is followed by batch normalization and a ReLU.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from RegQCLib.registration.networks.layers import (
    CONVOLUTIONS,
    NORMALIZATIONS,
    POOLS,
    TRANSPOSED,
    resized,
)

FIRST_KERNEL = 7


class Convolution(nn.Module):
    """Convolution, batch normalization, ReLU; what is ``added`` comes before the ReLU."""

    def __init__(self, axes: int, inputs: int, outputs: int, kernel: int = 3) -> None:
        super().__init__()
        self.convolution = CONVOLUTIONS[axes](
            inputs, outputs, kernel, padding=kernel // 2, bias=False
        )
        self.normalization = NORMALIZATIONS[axes](outputs)

    def forward(self, values: Tensor, added: Tensor | None = None) -> Tensor:
        values = self.normalization(self.convolution(values))
        return functional.relu(values if added is None else values + added)


class Down(nn.Module):
    """A convolution, a residual pair of them, and pooling to half the resolution."""

    def __init__(self, axes: int, inputs: int, outputs: int, kernel: int = 3) -> None:
        super().__init__()
        self.enter = Convolution(axes, inputs, outputs, kernel)
        self.first = Convolution(axes, outputs, outputs)
        self.second = Convolution(axes, outputs, outputs)
        self.pool = POOLS[axes](2)

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return what goes on, at half the resolution, and the skip.

        As published, the skip is what enters the residual pair.
        """
        skip = self.enter(values)
        return self.pool(self.second(self.first(skip), skip)), skip


class Up(nn.Module):
    """Doubling of the resolution, by a transposed convolution and additively, joined by a skip.

    Additively: both halves of the channels, resampled linearly, are summed. The residual pair is
    fed what comes before the skip is added, as published.
    """

    def __init__(self, axes: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.transposed = TRANSPOSED[axes](
            inputs, outputs, 3, stride=2, padding=1, output_padding=1, bias=False
        )
        self.normalization = NORMALIZATIONS[axes](outputs)
        self.first = Convolution(axes, outputs, outputs)
        self.second = Convolution(axes, outputs, outputs)

    def forward(self, values: Tensor, skip: Tensor) -> Tensor:
        doubled = functional.relu(self.normalization(self.transposed(values)))
        front, back = resized(values, skip.shape[2:]).chunk(2, dim=1)
        doubled = doubled + front + back
        result: Tensor = self.second(self.first(doubled), doubled + skip)
        return result


def encoder(axes: int, inputs: int, channels: int, levels: int) -> nn.ModuleList:
    """``levels`` steps down, channels doubling; the first convolution is wide."""
    counts = [inputs, *(channels * 2**level for level in range(levels))]
    return nn.ModuleList(
        Down(axes, before, after, FIRST_KERNEL if level == 0 else 3)
        for level, (before, after) in enumerate(pairwise(counts))
    )
