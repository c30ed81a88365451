"""Anatomy without anatomy: a random scene that can be asked for its labels at any point in space.

A scene is a body of random outline in air, skin- and bone-like shells around it, random shapes
inside (a mirrored, rotated label map), thin curved sheets through them, and fine texture. Because
it is a function of position, two images of it can be rendered at displaced points exactly.
All scenes of a batch are drawn and asked together; lengths are millimeters.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from RegQCLib.synthesis.label_maps import LABELS
from RegQCLib.synthesis.noise import Waves, log_uniform, uniform

SHELLS = 3
SHEETS = 2
BACKGROUND = LABELS + SHELLS + SHEETS
LABEL_COUNT = BACKGROUND + 1
TEXTURE_SCALE = 0.3  # fine structure, as a fraction of the size of the main shapes


@dataclass(frozen=True)
class SceneLabels:
    """What is where. Each is (B, *spatial).

    label: int64 in [0, LABEL_COUNT). texture: int64 in [0, LABELS), fine structure inside labels.
    radius: 0 in the middle of the body, 1 at its surface, larger in air.
    """

    label: Tensor
    texture: Tensor
    radius: Tensor


class Scene:
    """A batch of random scenes around the origin.

    bank: (maps, S, S, S) uint8 label maps. voxel_mm: (B,) size of a map voxel.
    extent_mm: (B,) width of the field of view that the body roughly fills.
    """

    def __init__(
        self, bank: Tensor, voxel_mm: Tensor, extent_mm: Tensor, generator: torch.Generator
    ) -> None:
        self.bank = bank
        self.batch = len(voxel_mm)
        batch = self.batch
        self.voxel_mm = voxel_mm
        self.maps = torch.randint(
            len(bank), (2, batch), generator=generator, device=generator.device
        )
        self.rotation = random_rotations(2 * batch, generator).reshape(2, batch, 3, 3)
        self.offset = uniform((2, batch, 1, 3), 0, 2 * bank.shape[-1], generator)
        self.outline = Waves(batch, 1, 5, (50.0, 160.0), generator)
        self.sheets = Waves(batch, SHEETS, 6, (12.0, 60.0), generator)
        self.sheet_width = uniform((batch, SHEETS), 0.02, 0.18, generator)
        half_axes = uniform((batch, 3), 0.28, 0.75, generator) * extent_mm[:, None]
        self.center = uniform((batch, 3), -0.12, 0.12, generator) * extent_mm[:, None]
        self.body_frame = random_rotations(batch, generator) / half_axes[:, :, None]
        # shells end at these radii; widths from 1 to 8 % of the body
        self.shell_edge = 1 - torch.cumsum(
            log_uniform((batch, SHELLS), 0.01, 0.08, generator), dim=1
        )
        self.shells = torch.rand(batch, generator=generator, device=generator.device) < 0.6
        self.has_sheets = (
            torch.rand(batch, SHEETS, generator=generator, device=generator.device) < 0.6
        )

    def at(self, points: Tensor) -> SceneLabels:
        """Ask the scenes at points (B, *spatial, 3) in mm."""
        spread = (self.batch, *[1] * (points.ndim - 2))
        radius = self._radius(points)
        label = self._look_up(points, 0, 1.0)
        sheets = self.sheets(points)
        for n in range(SHEETS):
            inside = sheets[..., n].abs() < self.sheet_width[:, n].reshape(spread)
            inside &= self.has_sheets[:, n].reshape(spread)
            label = torch.where(inside, LABELS + SHELLS + n, label)
        shells = self.shells.reshape(spread)
        for n in range(SHELLS):
            edge = self.shell_edge[:, SHELLS - 1 - n].reshape(spread)
            label = torch.where(shells & (radius > edge), LABELS + n, label)
        label = torch.where(radius > 1, BACKGROUND, label)
        return SceneLabels(label, self._look_up(points, 1, TEXTURE_SCALE), radius)

    def _radius(self, points: Tensor) -> Tensor:
        flat = points.reshape(self.batch, -1, 3) - self.center[:, None]
        radius = torch.bmm(flat, self.body_frame.transpose(1, 2)).norm(dim=-1)
        return radius.reshape(points.shape[:-1]) * (1 + 0.12 * self.outline(points)[..., 0])

    def _look_up(self, points: Tensor, which: int, scale: float) -> Tensor:
        """Nearest label of map ``which`` (0 shapes, 1 texture) shrunk by ``scale``."""
        size = self.bank.shape[-1]
        flat = points.reshape(self.batch, -1, 3)
        voxel = torch.bmm(flat, self.rotation[which].transpose(1, 2))
        voxel = voxel / (self.voxel_mm[:, None, None] * scale) + self.offset[which]
        voxel = voxel.round().long().remainder(2 * size)
        voxel = torch.where(voxel >= size, 2 * size - 1 - voxel, voxel)  # mirror at the faces
        index = (voxel[..., 0] * size + voxel[..., 1]) * size + voxel[..., 2]
        index += self.maps[which][:, None] * size**3
        return self.bank.reshape(-1)[index].long().reshape(points.shape[:-1])


def random_rotations(count: int, generator: torch.Generator) -> Tensor:
    """(count, 3, 3) rotation matrices, uniform over all rotations (QR of a normal matrix)."""
    q, r = torch.linalg.qr(torch.randn(count, 3, 3, generator=generator, device=generator.device))
    q = q * torch.sign(torch.diagonal(r, dim1=1, dim2=2))[:, None]
    q[:, :, 0] *= torch.linalg.det(q)[:, None]
    return q
