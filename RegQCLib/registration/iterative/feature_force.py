"""Force of the mean squared difference of two feature maps, such as MIND descriptors.

Slopes are those of the mean of both maps, which brings a step almost to second order (Malis, ICRA
2004; Vercauteren et al., NeuroImage 2009); the curvature is that of the fixed map, found once.
"""

from __future__ import annotations

import torch
from torch import Tensor

from RegQCLib.registration.iterative.deformable_level import Level
from RegQCLib.registration.iterative.force import Force, Gather, between_known
from RegQCLib.registration.iterative.solver import index_pairs

CHUNK = 4
"""Channels handled at once, for the sake of memory."""


class FeatureForce:
    """Gauss-Newton force of the mean over channels of (fixed - moved)^2 / 2, times ``scale``."""

    def __init__(self, fixed: Tensor, moving: Tensor, level: Level, *, scale: float = 1.0) -> None:
        """Features (1, C, *n) and (1, C, *m) on the voxels of ``level``."""
        self.fixed, self.moving, self.level = fixed, moving, level
        self.scale = scale / fixed.shape[1]
        self.products: list[Tensor] | None = None

    def __call__(self, displacement: Tensor, gather: Gather) -> Force:
        weights = self.level.weights(displacement)
        factor = self.scale if weights is None else weights[0, 0] * self.scale
        pulls = [torch.zeros_like(displacement[0]) for _ in self.level.spacing]
        error = torch.zeros_like(displacement[0])
        for start in range(0, self.fixed.shape[1], CHUNK):
            part = slice(start, start + CHUNK)
            fixed = self.fixed[:, part]
            moved = self.level.moved(self.moving[:, part], displacement)
            residual, total = fixed - moved, moved.add_(fixed)
            for axis, step in enumerate(self.level.spacing):
                slope = torch.gradient(total, spacing=float(step), dim=2 + axis)[0]
                pulls[axis] += (residual * slope).sum((0, 1)) / 2
            error += residual.square_().sum((0, 1))
        products = self._products()
        if weights is not None:
            valid = between_known(weights)
            pulls = [pull * steady for pull, steady in zip(pulls, valid, strict=True)]
            pairs = index_pairs(len(valid))
            products = [
                product * valid[a] * valid[b]
                for product, (a, b) in zip(products, pairs, strict=True)
            ]
        return Force(
            torch.stack([gather(pull * factor) for pull in pulls]),
            torch.stack([gather(product * factor) for product in products]),
            float((error * factor).sum()) / 2,
        )

    def _products(self) -> list[Tensor]:
        """Sum over channels of products of slopes of the fixed map, an entry (*n) each."""
        if self.products is None:
            axes = range(len(self.level.spacing))
            products = [torch.zeros_like(self.fixed[0, 0]) for _ in index_pairs(len(axes))]
            for start in range(0, self.fixed.shape[1], CHUNK):
                fixed = self.fixed[:, start : start + CHUNK]
                dims = [2 + axis for axis in axes]
                found = torch.gradient(fixed, spacing=list(self.level.spacing), dim=dims)
                for product, (a, b) in zip(products, index_pairs(len(axes)), strict=True):
                    product.add_((found[a] * found[b]).sum((0, 1)))
            self.products = products
        return self.products
