"""Slice-wise and image-wise figures of one model on one set of test images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from Testing.Benchmarks.detection.metrics import auroc, confusion
from Testing.Benchmarks.seed000.slices import TestImage

THRESHOLD = 0.5


def slice_probabilities(model: nn.Module, image: TestImage) -> np.ndarray:
    """(N,) probability that each slice of an image is misaligned."""
    with torch.inference_mode():
        logits = model(image.slices)[:, 0].float()
    return np.asarray(torch.sigmoid(logits).numpy(), dtype=float)


def evaluate(model: nn.Module, images: Sequence[TestImage]) -> dict[str, Any]:
    """Figures by slice and by image, and every image's probability.

    An image's probability is the mean of its slices'; 0.5 divides, for both.
    """
    slices = [slice_probabilities(model, image) for image in images]
    return figures(slices, images)


def figures(slices: Sequence[np.ndarray], images: Sequence[TestImage]) -> dict[str, Any]:
    """What `evaluate` returns, from the probabilities of the slices of every image."""
    truth = np.array([image.misaligned for image in images])
    mean = np.array([probabilities.mean() for probabilities in slices])
    owner = np.repeat(truth, [len(p) for p in slices])
    return {
        "slice_wise": _counts(owner, np.concatenate(slices)),
        "image_wise": _counts(truth, mean),
        "images": [
            {
                "name": image.name,
                "subject": image.subject,
                "misaligned": image.misaligned,
                "mean_mm": round(image.mean_mm, 3),
                "slices": len(image.slices),
                "probability": round(float(p), 4),
            }
            for image, p in zip(images, mean, strict=True)
        ],
    }


def _counts(truth: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    return {
        **confusion(truth, probability > THRESHOLD).to_dict(),
        "auroc": auroc(probability[truth], probability[~truth]),
    }
