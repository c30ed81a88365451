"""How well a network registers pairs that it did not learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.jacobian import jacobian_determinant
from RegQCLib.geometry.warp_torch import identity, warp
from RegQCLib.registration.networks.prediction import Prediction
from RegQCLib.training.registration.config import LossSettings
from RegQCLib.training.registration.losses import registration_loss
from RegQCLib.training.registration.pairs import TrainingPairs

MEASURES = {
    "dice": "Dice of the labels",
    "dice_before": "Dice before registration",
    "centroid_mm": "distance of label centroids, mm",
    "tre_mm": "distance to the true displacement, mm",
    "folded_percent": "folded voxels, %",
    "loss": "loss",
}


@dataclass
class Best:
    """The best validation so far. since: validations after it."""

    score: float = -np.inf
    step: int = 0
    since: int = 0

    def take(self, values: dict[str, float], step: int) -> bool:
        """Whether ``values`` are better than all before."""
        new = score(values)
        if new > self.score:
            self.score, self.step, self.since = new, step, 0
            return True
        self.since += 1
        return False


def score(values: dict[str, float]) -> float:
    """What is to be high: Dice where there are labels, else less distance or loss."""
    if "dice" in values:
        return values["dice"]
    return -values.get("tre_mm", values["loss"])


def mean_of(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """Mean of every measure over the pairs that have it, in the order of `MEASURES`."""
    found = {name: [row[name] for row in rows if name in row] for name in MEASURES}
    return {name: float(np.mean(values)) for name, values in found.items() if values}


@torch.no_grad()
def measure(
    prediction: Prediction,
    pairs: TrainingPairs,
    settings: LossSettings,
    spacing_mm: tuple[float, ...],
) -> dict[str, float]:
    """Measures of one pair; those of labels and truth where these are known."""
    _, parts = registration_loss(prediction, pairs, settings)
    values = {"loss": float(parts["loss"]), "folded_percent": folded_percent(prediction)}
    scale = torch.tensor(spacing_mm, device=prediction.displacement.device)
    if pairs.fixed_labels is not None and pairs.moving_labels is not None:
        assert pairs.label_values is not None
        numbers = [int(n) for n in pairs.label_values[0] if n > 0]
        moved = warped_labels(pairs.moving_labels, prediction.displacement)
        if numbers:
            fixed = pairs.fixed_labels
            values["dice"] = _dice(fixed, moved, numbers)
            values["dice_before"] = _dice(fixed, pairs.moving_labels, numbers)
            values["centroid_mm"] = _centroid_distance(fixed, moved, numbers, scale)
    if pairs.displacement is not None:
        error = (prediction.displacement - pairs.displacement).movedim(1, -1) * scale
        shown = pairs.fixed_labels > 0 if pairs.fixed_labels is not None else ...
        values["tre_mm"] = float(error.norm(dim=-1)[shown].mean())
    return values


def warped_labels(labels: Tensor, displacement: Tensor) -> Tensor:
    """(N, *spatial) labels of the nearest voxels."""
    moved = warp(labels[:, None].float(), displacement, mode="nearest")
    return moved[:, 0].to(labels.dtype)


def folded_percent(prediction: Prediction) -> float:
    """Share of the voxels of the first pair where the map's determinant is not above 0."""
    field = prediction.displacement[0].float().cpu().numpy()
    if len(field) == 2:
        field = np.concatenate([np.zeros_like(field[:1]), field])[:, None]
    array = np.ascontiguousarray(field[::-1])  # (i, j, k) components on a grid of 1 mm
    determinant = jacobian_determinant(DisplacementField(array, np.eye(4)))
    return float(100 * (determinant <= 0).mean())


def _dice(fixed: Tensor, moved: Tensor, numbers: Sequence[int]) -> float:
    values = []
    for number in numbers:
        a, b = fixed == number, moved == number
        values.append(2 * int((a & b).sum()) / max(1, int(a.sum()) + int(b.sum())))
    return float(np.mean(values))


def _centroid_distance(
    fixed: Tensor, moved: Tensor, numbers: Sequence[int], spacing_mm: Tensor
) -> float:
    """Labels that were pushed out of the image have no centroid and are left out."""
    points = identity(fixed.shape[1:], spacing_mm)[0].movedim(0, -1) * spacing_mm
    distances = [
        float((points[fixed[0] == n].mean(0) - points[moved[0] == n].mean(0)).norm())
        for n in numbers
        if bool((moved[0] == n).any())
    ]
    return float(np.mean(distances)) if distances else float("inf")
