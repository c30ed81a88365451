"""Random misalignment of known size: affine motion, smooth deformation, motion of single slices.

A motion says how far the anatomy seen at a point x is displaced: the moved image shows at x what
the fixed image shows at x + u(x). Displacements are millimeters, exact at every point.
"""

from __future__ import annotations

import torch
from torch import Tensor

from RegQCLib.synthesis.noise import Waves, uniform

MAX_STEEPNESS = 0.25  # rms slope of the waves; their steepest slope is at most 3.1 times that
WAVELENGTH_MM = (25.0, 160.0)  # of smooth deformation
MATCH_TOLERANCE_MM = 2e-4


class Motion:
    """A batch of random motions about the origin.

    mean_mm: (B,) wanted mean length of u over ``inside``; 0 leaves that entry in place.
    points: (B, *spatial, 3) mm and inside: (B, *spatial) bool fix where the mean is taken.
    through: factor on the motion along ``normal`` (B, 3), 1 for isotropic motion.
    """

    def __init__(
        self,
        mean_mm: Tensor,
        points: Tensor,
        inside: Tensor,
        generator: torch.Generator,
        *,
        normal: Tensor | None = None,
        through: float = 1.0,
    ) -> None:
        batch = len(mean_mm)
        device = generator.device
        kind = torch.rand(batch, 4, generator=generator, device=device)
        self.shift = torch.randn(batch, 1, 3, generator=generator, device=device)
        self.shift *= (kind[:, 0] < 0.7)[:, None, None]
        self.linear = _random_linear(batch, generator) * (kind[:, 1] < 0.5)[:, None, None]
        self.waves = Waves(batch, 3, 4, WAVELENGTH_MM, generator)
        smooth = torch.where(kind[:, 2] < 0.5, kind[:, 3] * 1.5, 0.0)
        nothing = (kind[:, 0] >= 0.7) & (kind[:, 1] >= 0.5) & (smooth == 0)
        self.smooth = torch.where(nothing, 1.0, smooth)
        self.normal, self.through = normal, through
        self.scale = torch.ones(batch, device=device)
        self.fit_mean(mean_mm, points, inside)

    def fit_mean(self, mean_mm: Tensor, points: Tensor, inside: Tensor) -> None:
        """Scale the motion to a mean length of ``mean_mm`` (B,) mm over ``inside``.

        Large motions of short wavelength would fold space: their waves are stretched instead.
        """
        for _ in range(10):
            self.scale = torch.ones_like(mean_mm)
            length = self(points).norm(dim=-1) * inside
            mean = length.flatten(1).sum(1) / inside.flatten(1).sum(1).clamp(min=1)
            self.scale = mean_mm / mean.clamp(min=1e-6)
            slope = self.waves.vectors.square().sum(-1).mean(1).sqrt()
            excess = self.scale * self.smooth * slope / MAX_STEEPNESS
            if not bool((excess > 1).any()):
                return
            self.waves.vectors = self.waves.vectors / (1.02 * excess).clamp(min=1)[:, None, None]

    def __call__(self, points: Tensor) -> Tensor:
        """Displacement u in mm at points (B, *spatial, 3)."""
        batch = len(points)
        spread = (batch, *[1] * (points.ndim - 2), 1)
        flat = points.reshape(batch, -1, 3)
        u = torch.baddbmm(self.shift, flat, self.linear.transpose(1, 2)).reshape(points.shape)
        if bool((self.smooth > 0).any()):
            u = u + self.smooth.reshape(spread) * self.waves(points)
        if self.normal is not None and self.through != 1.0:
            normal = self.normal.reshape(batch, *[1] * (points.ndim - 2), 3)
            u = u + (self.through - 1) * (u * normal).sum(-1, keepdim=True) * normal
        return u * self.scale.reshape(spread)

    def towards_match(self, points: Tensor, *, iterations: int = 60) -> Tensor:
        """Displacement d in mm with d(x) = -u(x + d(x)), to within a thousandth of a millimeter.

        What the fixed image shows at x, the moved image shows at x + d(x): the residual error a
        perfect search would find. Fixed-point iteration, which converges as u is never steep.
        """
        d = -self(points)
        for _ in range(iterations):
            before, d = d, -self(points + d)
            if bool((d - before).abs().max() < MATCH_TOLERANCE_MM):
                break
        return d


def slice_shifts(slices: int, share: float, sd_mm: float, generator: torch.Generator) -> Tensor:
    """(slices, 3) mm shifts of single slices: normal for a ``share`` of them, zero elsewhere."""
    shifts = torch.randn(slices, 3, generator=generator, device=generator.device) * sd_mm
    moved = torch.rand(slices, 1, generator=generator, device=generator.device) < share
    return shifts * moved


def _random_linear(batch: int, generator: torch.Generator) -> Tensor:
    """(B, 3, 3) linear parts per mm: mostly rotation, some scaling and shear."""
    turn = torch.randn(batch, 3, generator=generator, device=generator.device)
    zero = torch.zeros(batch, device=generator.device)
    x, y, z = turn.unbind(1)
    rotation = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).reshape(batch, 3, 3)
    strain = torch.randn(batch, 3, 3, generator=generator, device=generator.device)
    amount = uniform((batch, 1, 1), 0, 0.6, generator)
    return (rotation + amount * strain) * 0.025
