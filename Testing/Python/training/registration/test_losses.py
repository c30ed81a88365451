"""Losses against closed forms, NumPy, SciPy and MONAI."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.losses import DiceLoss, MultiScaleLoss
from scipy import ndimage

from RegQCLib.geometry.warp_torch import warp
from RegQCLib.registration.networks.prediction import Prediction
from RegQCLib.training.registration.config import LossSettings
from RegQCLib.training.registration.label_overlap import (
    gaussian,
    multiscale_dice_loss,
    one_hot,
    soft_dice_loss,
)
from RegQCLib.training.registration.losses import registration_loss
from RegQCLib.training.registration.pairs import TrainingPairs
from RegQCLib.training.registration.smoothness import bending, diffusion

SHAPE = (7, 9, 8)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_diffusion_is_the_mean_squared_forward_difference():
    field = random(2, 3, *SHAPE)
    truth = np.mean([np.mean(np.diff(field.numpy(), axis=axis) ** 2) for axis in (2, 3, 4)])
    assert float(diffusion(field)) == pytest.approx(float(truth), rel=1e-5)
    slope = torch.zeros(1, 3, *SHAPE)
    slope[:, 1] = 0.5 * torch.arange(SHAPE[2])  # one of nine derivatives is 1/2
    assert float(diffusion(slope)) == pytest.approx(0.25 / 9)


def test_bending_agrees_with_numpy_and_with_a_parabola():
    for shape in (SHAPE, SHAPE[1:]):
        field = random(2, len(shape), *shape)
        axes = range(2, field.ndim)
        inner = (..., *[slice(2, -2)] * len(shape))
        second = [
            np.gradient(np.gradient(field.numpy(), axis=a), axis=b)[inner] ** 2
            for a in axes
            for b in axes
        ]
        assert float(bending(field)) == pytest.approx(float(np.sum(second, 0).mean()), rel=1e-2)
    k, j, i = torch.meshgrid(*(torch.arange(float(n)) for n in SHAPE), indexing="ij")
    curved = torch.stack([k**2, 3 * j * i, 5 * k - i])[None]  # xx = 2; mixed = 3; affine
    assert float(bending(curved)) == pytest.approx((2**2 + 2 * 3**2) / 3, rel=1e-5)


def test_blurring_agrees_with_scipy():
    masks = (random(1, 2, *SHAPE) > 0.5).float()
    for sd in (0.5, 1.0, 2.0):
        truth = masks.numpy()
        for axis in (2, 3, 4):
            truth = ndimage.gaussian_filter1d(
                truth, sd, axis, mode="constant", radius=int(3 * sd), output=np.float64
            )
        np.testing.assert_allclose(gaussian(masks, sd).numpy(), truth, atol=1e-5)
    assert gaussian(masks, 0) is masks


def test_multiscale_dice_agrees_with_monai():
    fixed, moved = (random(2, 1, *SHAPE, seed=seed) for seed in (1, 2))
    scales = [0, 1, 2, 4]
    dice = DiceLoss(smooth_nr=1e-6, smooth_dr=1e-6)
    truth = MultiScaleLoss(dice, scales=scales, kernel="gaussian")(moved, fixed)
    found = multiscale_dice_loss(fixed, moved, scales)
    assert float(found) == pytest.approx(float(truth), rel=2e-3)  # its kernels do not sum to 1


def test_labels_far_apart_attract_each_other_at_coarse_scales_alone():
    fixed, moved = torch.zeros(2, 1, 1, 8, 8, 16)
    fixed[..., 2:4, 2:4, 2:4] = moved[..., 2:4, 2:4, 10:12] = 1
    nearer = moved.roll(-4, -1)
    assert float(soft_dice_loss(fixed, moved)) == float(soft_dice_loss(fixed, nearer)) > 0.999
    far, near = (float(multiscale_dice_loss(fixed, m, [0, 2])) for m in (moved, nearer))
    assert near < far - 0.002


def test_labels_that_do_not_count_or_are_nowhere_weigh_nothing():
    labels = torch.tensor([[[1, 2, 0, 5]]])
    values = torch.tensor([[1, 2, -1, 9]])
    masks = one_hot(labels, values)
    assert masks.shape == (1, 4, 1, 4)
    assert masks[0, :, 0].tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0] * 4, [0] * 4]
    wrong = masks.clone()
    wrong[:, 1] = 0  # one of two labels is missed
    assert float(soft_dice_loss(masks, wrong, values > 0)) == pytest.approx(1 / 3, rel=1e-5)
    assert float(soft_dice_loss(masks, wrong, values == 1)) == pytest.approx(0, abs=1e-5)


def example() -> tuple[Prediction, TrainingPairs]:
    motion = 0.8 * random(1, 3, *SHAPE, seed=5)
    confidence = (random(1, 1, *SHAPE, seed=6) - 0.5).clamp(0)
    labels = (3 * random(1, *SHAPE, seed=7)).long()
    pairs = TrainingPairs(
        random(1, 1, *SHAPE, seed=3),
        random(1, 1, *SHAPE, seed=4),
        labels,
        labels.roll(1, -1),
        torch.tensor([[1, 2]]),
        confidence,
        confidence.roll(1, -1),
        displacement=torch.zeros(1, 3, *SHAPE),
    )
    return Prediction(motion), pairs


def loss_of(**settings: object) -> tuple[float, dict[str, torch.Tensor]]:
    total, parts = registration_loss(*example(), LossSettings(**settings))
    return float(total), parts


def test_the_loss_is_the_weighted_sum_of_its_parts():
    total, parts = loss_of(
        similarity_weight=2, weight=3, dice=5, displacement=7, regularization="bending"
    )
    names = ("similarity", "roughness", "dice_loss", "displacement_error")
    weighted = (float(w * parts[n]) for w, n in zip((2, 3, 5, 7), names, strict=True))
    assert total == pytest.approx(sum(weighted)) == pytest.approx(float(parts["loss"]))
    prediction, _ = example()
    length = prediction.displacement.norm(dim=1).mean()
    assert float(parts["displacement_error"]) == pytest.approx(float(length), rel=1e-4)


def test_sparse_similarity_is_the_mean_over_voxels_of_nonzero_confidence():
    prediction, pairs = example()
    moved = warp(pairs.moving, prediction.displacement)
    squares = (pairs.fixed - moved).square()
    inside = pairs.fixed_confidence > 0
    options = {"confidence": "files", "regularization": "none"}
    assert loss_of(**options)[0] == pytest.approx(float(squares[inside].mean()), rel=1e-5)
    both = inside & (warp(pairs.moving_confidence, prediction.displacement) > 0)
    assert 0 < both.sum() < inside.sum()
    found = loss_of(**options, confidence_of="both")[0]
    assert found == pytest.approx(float(squares[both].mean()), rel=1e-5)
    weight = pairs.fixed_confidence
    weighted = float((weight * squares).sum() / weight.sum())
    assert loss_of(**options, confidence_as="weights")[0] == pytest.approx(weighted, rel=1e-5)
    assert loss_of(regularization="none")[0] == pytest.approx(float(squares.mean()), rel=1e-5)


def test_masked_cross_correlation_does_not_see_what_is_masked():
    prediction, pairs = example()
    settings = LossSettings("lncc", window=3, confidence="files", regularization="none")
    first, _ = registration_loss(prediction, pairs, settings)
    changed = pairs.fixed.where(pairs.fixed_confidence > 0, 9.0)
    second, _ = registration_loss(
        prediction, TrainingPairs(**{**vars(pairs), "fixed": changed}), settings
    )
    assert float(first) == pytest.approx(float(second), rel=1e-6)
    unmasked, _ = registration_loss(
        prediction, pairs, LossSettings("lncc", window=3, regularization="none")
    )
    assert abs(float(first) - float(unmasked)) > 1e-3


def test_pairs_with_nothing_to_believe_give_a_loss_of_zero_and_gradients():
    prediction, pairs = example()
    motion = prediction.displacement.requires_grad_()
    nothing = TrainingPairs(**{**vars(pairs), "fixed_confidence": 0 * pairs.fixed})
    loss, _ = registration_loss(
        Prediction(motion), nothing, LossSettings(confidence="files", regularization="none")
    )
    loss.backward()
    assert float(loss) == 0
    assert float(motion.grad.abs().max()) == 0


def test_levels_and_features_count_where_the_truth_is_known():
    small = TrainingPairs(
        *torch.rand(2, 1, 1, 8, 8, 8),
        torch.ones(1, 8, 8, 8),
        displacement=torch.ones(1, 3, 8, 8, 8),
    )
    features = (random(1, 4, 4, 4, 4), random(1, 4, 4, 4, 4, seed=2))
    prediction = Prediction(small.displacement, None, (torch.ones(1, 3, 4, 4, 4),), (features,))
    settings = LossSettings("none", matching=2, pyramid=3, regularization="none")
    torch.manual_seed(0)
    total, parts = registration_loss(prediction, small, settings)
    assert set(parts) == {"loss", "matching", "pyramid_error"}
    assert float(total) == pytest.approx(float(2 * parts["matching"] + 3 * parts["pyramid_error"]))
    unknown = TrainingPairs(**{**vars(small), "displacement": None})
    assert set(registration_loss(prediction, unknown, settings)[1]) == {"loss"}


def test_a_velocity_is_smoothed_in_place_of_the_displacement():
    prediction, pairs = example()
    still = torch.zeros(1, 3, 4, 4, 4)
    _, parts = registration_loss(Prediction(prediction.displacement, still), pairs, LossSettings())
    assert float(parts["roughness"]) == 0
