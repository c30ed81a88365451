"""What the slice classifier learns: misaligned or not, and by how much."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from RegQCLib.qc.networks.slice_classifier import SliceClassifier
from RegQCLib.synthesis.slice_pairs import SlicePairs

DISPLACEMENT_WEIGHT = 0.1


def classifier_loss(model: SliceClassifier, pairs: SlicePairs) -> tuple[Tensor, dict[str, float]]:
    """Binary cross-entropy plus the squared error of log(1 + mean displacement in pixels)."""
    output = model(pairs.images.contiguous(memory_format=torch.channels_last)).float()
    truth = pairs.misaligned.float()
    entropy = functional.binary_cross_entropy_with_logits(output[:, 0], truth)
    pixels = pairs.mean_mm / pairs.pixel_mm
    squared = functional.mse_loss(output[:, 1], torch.log1p(pixels))
    right = ((output[:, 0] > 0) == pairs.misaligned).float().mean()
    values = {
        "cross_entropy": float(entropy.detach()),
        "log_displacement_error": float(squared.detach()),
        "accuracy": float(right),
    }
    return entropy + DISPLACEMENT_WEIGHT * squared, values
