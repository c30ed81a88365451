"""LocalNet: a displacement field summed over the levels of a residual U-Net.

Hu et al., "Weakly-supervised convolutional neural networks for multimodal image registration",
MedIA 49, 2018. It needs labels in training alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from RegQCLib.errors import InputError
from RegQCLib.registration.networks.layers import (
    CONVOLUTIONS,
    check_axes,
    check_counts,
    resized,
    stacked,
)
from RegQCLib.registration.networks.prediction import Prediction
from RegQCLib.registration.networks.residual import Convolution, Up, encoder


@dataclass(frozen=True)
class LocalNetSettings:
    """Of LocalNet.

    axes: 2 or 3. channels: at full resolution, doubling with every level. levels: how often the
    resolution is halved. summed: levels that the displacement is summed over, 0 the finest.
    """

    axes: int = 3
    channels: int = 32
    levels: int = 4
    summed: tuple[int, ...] = (0, 1, 2, 3, 4)

    def __post_init__(self) -> None:
        check_axes(self.axes)
        check_counts("channels and levels", (self.channels, self.levels))
        known = set(range(self.levels + 1))
        if not self.summed or len(set(self.summed)) < len(self.summed) or set(self.summed) - known:
            raise InputError(
                f"summed: different levels from 0 to {self.levels}, one at least, got {self.summed}"
            )


class LocalNet(nn.Module):
    """Displacements from two images, at first zero everywhere.

    fixed, moving: (N, 1, *spatial), sizes multiples of ``divisor``. The prediction's levels are the
    summands, coarse to fine, all in voxels of the images and of their size.
    """

    def __init__(self, settings: LocalNetSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or LocalNetSettings()
        axes, channels, levels = self.settings.axes, self.settings.channels, self.settings.levels
        self.axes = axes
        self.divisor = 2**levels
        counts = [channels * 2**level for level in range(levels + 1)]
        self.down = encoder(axes, 2, channels, levels)
        self.deep = Convolution(axes, counts[-2], counts[-1])
        self.up = nn.ModuleList(
            Up(axes, counts[level + 1], counts[level])
            for level in range(levels - 1, min(self.settings.summed) - 1, -1)
        )
        self.fields = nn.ModuleDict()
        for level in self.settings.summed:
            field = CONVOLUTIONS[axes](counts[level], axes, 3, padding=1)
            nn.init.zeros_(field.weight)
            nn.init.zeros_(field.bias)  # type: ignore[arg-type]
            self.fields[str(level)] = field

    def forward(self, fixed: Tensor, moving: Tensor) -> Prediction:
        values = stacked(fixed, moving, self.axes, self.divisor)
        skips = []
        for down in self.down:
            values, skip = down(values)
            skips.append(skip)
        values = self.deep(values)
        summands = self._summands(values, len(skips), fixed)
        for level, up in zip(range(len(skips) - 1, -1, -1), self.up, strict=False):
            values = up(values, skips[level])
            summands += self._summands(values, level, fixed)
        displacement = summands[0]
        for summand in summands[1:]:
            displacement = displacement + summand
        return Prediction(displacement, levels=tuple(summands))

    def _summands(self, values: Tensor, level: int, image: Tensor) -> list[Tensor]:
        """What this level adds to the displacement, at the size of the image, if anything."""
        if level not in self.settings.summed:
            return []
        return [resized(self.fields[str(level)](values).float(), image.shape[2:])]
