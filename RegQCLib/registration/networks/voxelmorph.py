"""VoxelMorph: a U-Net that looks at both images and returns the displacement of every voxel.

Balakrishnan et al., CVPR 2018 and IEEE TMI 38, 2019 (voxelmorph-1, voxelmorph-2); Dalca et al.,
MICCAI 2018 (voxelmorph-diff: a velocity field at half resolution and its flow). Channels are those
of the published code. Of the probabilistic network of MICCAI 2018 this is the mean, which is what
it uses once trained; it has no head for the variance.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from RegQCLib.errors import InputError
from RegQCLib.geometry.warp_torch import exponential
from RegQCLib.registration.networks.layers import (
    CONVOLUTIONS,
    check_axes,
    check_counts,
    resized,
    stacked,
)
from RegQCLib.registration.networks.prediction import Prediction

SLOPE = 0.2
FLOW_STD = 1e-5


@dataclass(frozen=True)
class VoxelMorphSettings:
    """Of voxelmorph-1.

    axes: 2 or 3. encoder: channels after each halving of the resolution. decoder: channels of one
    convolution at the coarsest level, one after each doubling up to half resolution, and one more
    there; the next doubles to full resolution, and any further ones stay there. Without a next one
    the network ends at half resolution. squarings: of a velocity field; 0 predicts displacements.
    """

    axes: int = 3
    encoder: tuple[int, ...] = (16, 32, 32, 32)
    decoder: tuple[int, ...] = (32, 32, 32, 32, 8, 8)
    squarings: int = 0

    def __post_init__(self) -> None:
        check_axes(self.axes)
        check_counts("encoder", self.encoder)
        check_counts("decoder", self.decoder, fewest=len(self.encoder) + 1)
        if not isinstance(self.squarings, int) or self.squarings < 0:
            raise InputError(f"squarings: a whole number from 0, got {self.squarings!r}")


@dataclass(frozen=True)
class VoxelMorph2Settings(VoxelMorphSettings):
    """Of voxelmorph-2: more channels at full resolution."""

    decoder: tuple[int, ...] = (32, 32, 32, 32, 32, 16, 16)


@dataclass(frozen=True)
class VoxelMorphDiffSettings(VoxelMorphSettings):
    """Of the diffeomorphic network: a velocity field at half resolution, 7 squarings."""

    decoder: tuple[int, ...] = (32, 32, 32, 32, 16)
    squarings: int = 7


class VoxelMorph(nn.Module):
    """Displacements, or a velocity field and its flow, from two images.

    fixed, moving: (N, 1, *spatial), sizes multiples of ``divisor``. The prediction's velocity is in
    voxels of the resolution at which the network ends.
    """

    def __init__(self, settings: VoxelMorphSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or VoxelMorphSettings()
        self.axes = self.settings.axes
        encoder, decoder = self.settings.encoder, self.settings.decoder
        self.divisor = 2 ** len(encoder)
        skips = [2, *encoder]  # channels at full resolution, half, ...
        self.encoder = nn.ModuleList(
            self._convolution(before, after, stride=2)
            for before, after in zip(skips, encoder, strict=False)
        )
        channels = encoder[-1]
        self.decoder = nn.ModuleList()
        for number, count in enumerate(decoder):
            level = self._joins(number)
            inputs = channels if level is None else channels + skips[level]
            self.decoder.append(self._convolution(inputs, count))
            channels = count
        self.flow = CONVOLUTIONS[self.axes](channels, self.axes, 3, padding=1)
        nn.init.normal_(self.flow.weight, std=FLOW_STD)
        nn.init.zeros_(self.flow.bias)  # type: ignore[arg-type]

    def forward(self, fixed: Tensor, moving: Tensor) -> Prediction:
        values = stacked(fixed, moving, self.axes, self.divisor)
        skips = [values]
        for down in self.encoder:
            values = down(values)
            skips.append(values)
        for number, convolution in enumerate(self.decoder):
            level = self._joins(number)
            if level is not None:
                values = functional.interpolate(values, scale_factor=2, mode="nearest")
                values = torch.cat([values, skips[level]], dim=1)
            values = convolution(values)
        field: Tensor = self.flow(values).float()  # half precision is too coarse for a flow
        if self.settings.squarings == 0:
            return Prediction(self._full(field, fixed))
        flow = exponential(field, steps=self.settings.squarings)
        return Prediction(self._full(flow, fixed), velocity=field)

    def _joins(self, number: int) -> int | None:
        """Level (0 full resolution, 1 half, ...) of the skip that this decoder step doubles to."""
        depth = len(self.settings.encoder)
        if 1 <= number < depth:
            return depth - number
        return 0 if number == depth + 1 else None

    def _convolution(self, inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
        layer = CONVOLUTIONS[self.axes](inputs, outputs, 3, stride=stride, padding=1)
        nn.init.kaiming_normal_(layer.weight, a=SLOPE)
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        return nn.Sequential(layer, nn.LeakyReLU(SLOPE))

    def _full(self, field: Tensor, image: Tensor) -> Tensor:
        """Displacements in voxels of the image, from those of a resolution half as fine."""
        if field.shape[2:] == image.shape[2:]:
            return field
        return 2 * resized(field, image.shape[2:])
