"""Force of mutual information, for contrasts that no local line relates."""

from __future__ import annotations

import torch
from torch import Tensor

from RegQCLib.registration.iterative.deformable_level import Level
from RegQCLib.registration.iterative.force import Force, Gather, gathered, slopes
from RegQCLib.similarity.losses.mutual_information import mutual_information


class MutualInformationForce:
    """Fisher scoring: mutual information is a mean log likelihood, in nats.

    Its curvature by an intensity is then, on average, the mean square of its derivative.
    """

    def __init__(self, level: Level) -> None:
        self.level = level
        low, high = level.moving.aminmax()
        self.range = float(low), float(high)

    def __call__(self, displacement: Tensor, gather: Gather) -> Force:
        weights = self.level.weights(displacement)
        moved = self.level.moved(self.level.moving, displacement).requires_grad_()
        with torch.enable_grad():
            loss = mutual_information(
                self.level.fixed, moved, weights=weights, moving_range=self.range, window="cubic"
            )
            (gradient,) = torch.autograd.grad(loss, moved)
        moved = moved.detach()
        number = moved.numel() if weights is None else float(weights.sum())
        score = -number * gradient[0, 0]
        curvature = score.square().sum() / number
        curved = curvature.expand_as(score) if weights is None else curvature * weights[0, 0]
        rise = slopes(moved, self.level.spacing, weights)
        pull, products = gathered(score, curved, rise, gather)
        return Force(pull, products, number * float(loss.detach()))
