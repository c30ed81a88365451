"""GlobalNet: an affine motion from two images.

Hu et al., "Label-driven weakly-supervised learning for multimodal deformable image registration",
ISBI 2018. Its dense layer sees every place of the coarsest features, so that the published network
takes images of one size; here features of other sizes are averaged to the cells it knows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from RegQCLib.geometry.warp_torch import identity
from RegQCLib.registration.networks.layers import check_axes, check_counts, stacked
from RegQCLib.registration.networks.prediction import Prediction
from RegQCLib.registration.networks.residual import Convolution, encoder


@dataclass(frozen=True)
class GlobalNetSettings:
    """Of GlobalNet.

    axes: 2 or 3. channels: at full resolution, doubling with every level. levels: how often the
    resolution is halved. cells: of the dense layer along each axis; images of cells * 2^levels
    voxels are taken exactly as published.
    """

    axes: int = 3
    channels: int = 8
    levels: int = 4
    cells: int = 4

    def __post_init__(self) -> None:
        check_axes(self.axes)
        check_counts("channels, levels and cells", (self.channels, self.levels, self.cells))


class GlobalNet(nn.Module):
    """Displacements of an affine motion from two images, at first zero.

    fixed, moving: (N, 1, *spatial), sizes multiples of ``divisor``. The motion is linear in places
    from -1 to 1, from the first to the last voxel along each axis: there a number of the matrix and
    one of the shift move points equally far, so that both learn at one pace.
    """

    def __init__(self, settings: GlobalNetSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or GlobalNetSettings()
        axes, channels, levels = self.settings.axes, self.settings.channels, self.settings.levels
        self.axes = axes
        self.divisor = 2**levels
        self.down = encoder(axes, 2, channels, levels)
        last = channels * 2**levels
        self.deep = Convolution(axes, last // 2, last)
        self.dense = nn.Linear(last * self.settings.cells**axes, axes * (axes + 1))
        nn.init.zeros_(self.dense.weight)
        with torch.no_grad():
            self.dense.bias.copy_(torch.eye(axes, axes + 1).flatten())

    def matrices(self, fixed: Tensor, moving: Tensor) -> Tensor:
        """Motions of places from -1 to 1, (N, axes, axes + 1), the last column shifts."""
        values = stacked(fixed, moving, self.axes, self.divisor)
        for down in self.down:
            values, _ = down(values)
        values = self.deep(values)
        result: Tensor = self.dense(cell_means(values, self.settings.cells).flatten(1))
        return result.float().unflatten(1, (self.axes, self.axes + 1))

    def forward(self, fixed: Tensor, moving: Tensor) -> Prediction:
        places = identity(fixed.shape[2:], fixed.float()).expand(
            len(fixed), *[-1] * (self.axes + 1)
        )
        return Prediction(
            affine_displacement(self.matrices(fixed, moving), places, fixed.shape[2:])
        )


def cell_means(values: Tensor, cells: int) -> Tensor:
    """Means over ``cells`` equal parts of every axis, which overlap where sizes do not divide.

    values: (N, C, *spatial). The same as adaptive_avg_pool3d, which ONNX has not.
    """
    for axis in range(2, values.ndim):
        count = values.shape[axis]
        parts = values.new_zeros(cells, count)
        for cell in range(cells):
            low, high = cell * count // cells, -(-(cell + 1) * count // cells)
            parts[cell, low:high] = 1 / (high - low)
        values = torch.movedim(torch.movedim(values, axis, -1) @ parts.T, -1, axis)
    return values


def affine_displacement(matrices: Tensor, places: Tensor, shape: torch.Size) -> Tensor:
    """By how many voxels motions move points, (N, axes, *m).

    matrices: (N, axes, axes + 1), see `GlobalNet`. places: (N, axes, *m), voxels of images of
    ``shape``, also between them and beyond their borders.
    """
    half = places.new_tensor([max(n - 1, 1) / 2 for n in shape]).view(1, -1, *[1] * len(shape))
    points = places / half - 1
    linear, shift = matrices[..., :-1], matrices[..., -1:]
    moved = linear @ points.flatten(2) + shift
    return half * (moved.unflatten(2, places.shape[2:]) - points)
