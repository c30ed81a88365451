"""The loss of a registration network: similarity, overlap of labels, smoothness of the motion."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from RegQCLib.geometry.warp_torch import warp
from RegQCLib.registration.networks.prediction import Prediction
from RegQCLib.similarity.losses.registry import Loss, loss_named
from RegQCLib.training.registration.config import LossSettings
from RegQCLib.training.registration.label_overlap import (
    multiscale_dice_loss,
    one_hot,
    soft_dice_loss,
)
from RegQCLib.training.registration.pairs import TrainingPairs
from RegQCLib.training.registration.smoothness import bending, diffusion
from RegQCLib.training.registration.true_displacement import (
    displacement_error,
    matching_loss,
    pyramid_error,
)

SIMILARITIES = {"mse": "ssd", "lncc": "lncc", "mi": "mi", "mind": "mind"}
REGULARIZERS = {"diffusion": diffusion, "bending": bending}


def registration_loss(
    prediction: Prediction, pairs: TrainingPairs, settings: LossSettings
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the weighted sum, a scalar, and its parts before weighting.

    Dice needs pairs with labels.
    """
    total = prediction.displacement.new_zeros(())
    parts: dict[str, Tensor] = {}

    def add(name: str, weight: float, value: Tensor) -> None:
        nonlocal total
        parts[name] = value.detach()
        total = total + weight * value

    if settings.similarity != "none" and settings.similarity_weight:
        add("similarity", settings.similarity_weight, similarity(prediction, pairs, settings))
    if settings.dice:
        add("dice_loss", settings.dice, label_loss(prediction, pairs, settings))
    if settings.displacement and pairs.displacement is not None:
        error = displacement_error(prediction.displacement, pairs.displacement)
        add("displacement_error", settings.displacement, error)
    if prediction.features and pairs.displacement is not None and pairs.fixed_labels is not None:
        truth, inside = pairs.displacement, (pairs.fixed_labels > 0)[:, None].float()
        if settings.matching:
            add("matching", settings.matching, matching_loss(prediction.features, truth, inside))
        if settings.pyramid:
            error = pyramid_error(prediction.levels, truth, inside)
            add("pyramid_error", settings.pyramid, error)
    if settings.regularization != "none" and settings.weight:
        has_velocity = prediction.velocity is not None
        field = prediction.velocity if has_velocity else prediction.displacement
        assert field is not None
        roughness = REGULARIZERS[settings.regularization](field)
        add("roughness", settings.weight, roughness)
    return total, {"loss": total.detach(), **parts}


def similarity(prediction: Prediction, pairs: TrainingPairs, settings: LossSettings) -> Tensor:
    """How unlike the fixed and the warped moving image are where they are to be believed."""
    moved = warp(pairs.moving, prediction.displacement)
    weights = confidence(prediction.displacement, pairs, settings)
    measure: Loss = loss_named(SIMILARITIES[settings.similarity])
    if settings.similarity == "lncc":
        measure = partial(measure, window=settings.window)
    if weights is not None:  # images that show nothing in common have nothing to say
        known = weights.flatten(1).sum(1) > 0
        if not bool(known.any()):
            return (0 * moved).sum()
        return measure(pairs.fixed[known], moved[known], weights=weights[known])
    return measure(pairs.fixed, moved)


def confidence(displacement: Tensor, pairs: TrainingPairs, settings: LossSettings) -> Tensor | None:
    """Weight of every voxel of the fixed grid, (N, 1, *spatial), or None where all count alike.

    SparseVM (Lewis et al. 2018), eq. 3: the mean over the set of voxels of nonzero confidence; here
    that of the moving image, warped, may limit it, too.
    """
    if settings.confidence == "none" or pairs.fixed_confidence is None:
        return None
    weights = pairs.fixed_confidence
    if settings.confidence_of == "both" and pairs.moving_confidence is not None:
        with torch.no_grad():  # the motion must not learn to look away
            weights = weights * warp(pairs.moving_confidence, displacement)
    return (weights > 0).to(weights) if settings.confidence_as == "set" else weights


def label_loss(prediction: Prediction, pairs: TrainingPairs, settings: LossSettings) -> Tensor:
    """1 - soft Dice of the fixed and the linearly warped moving labels that count in this step."""
    assert pairs.fixed_labels is not None
    assert pairs.moving_labels is not None
    assert pairs.label_values is not None
    fixed = one_hot(pairs.fixed_labels, pairs.label_values)
    moved = warp(one_hot(pairs.moving_labels, pairs.label_values), prediction.displacement)
    counted = pairs.label_values > 0
    if settings.dice_kind == "multiscale":
        return multiscale_dice_loss(fixed, moved, settings.scales, counted)
    return soft_dice_loss(fixed, moved, counted)
