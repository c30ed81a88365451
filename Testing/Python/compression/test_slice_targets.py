"""How slice models are measured, against scikit-learn and answers that are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from RegQCLib.compression.slice_targets import minus_match_error, slice_auroc
from RegQCLib.synthesis.slice_pairs import SlicePairs


def pairs(count: int, seed: int) -> SlicePairs:
    generator = torch.Generator().manual_seed(seed)

    def rand(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=generator)

    return SlicePairs(
        images=rand(count, 2, 16, 16),
        match_mm=4 * rand(count, 3, 16, 16) - 2,
        mean_mm=rand(count),
        misaligned=rand(count) < 0.4,
        body=rand(count, 16, 16) < 0.7,
        pixel_mm=0.5 + rand(count),
    )


def test_auroc_is_that_of_scikit_learn():
    drawn = [pairs(30, 0), pairs(20, 1)]

    def run(images: np.ndarray) -> np.ndarray:
        # rounded, so that there are ties
        return np.stack([images.mean(axis=(1, 2, 3)).round(2), images[:, 0, 0, 0]], axis=1)

    scores = np.concatenate([run(one.images.numpy())[:, 0] for one in drawn])
    truth = np.concatenate([one.misaligned.numpy() for one in drawn])
    assert slice_auroc(run, drawn) == pytest.approx(roc_auc_score(truth, scores))


@pytest.mark.parametrize("off", [0.0, 1.5])
def test_a_matcher_off_by_so_many_pixels_is_off_by_so_many(off):
    one = pairs(6, 2)

    def run(images: np.ndarray) -> np.ndarray:
        truth = (one.match_mm / one.pixel_mm[:, None, None, None])[:, :2, ::4, ::4].numpy()
        return np.concatenate([truth[:, :1] + off, truth[:, 1:], truth], axis=1)

    assert minus_match_error(run, [one]) == pytest.approx(-off, abs=1e-5)
