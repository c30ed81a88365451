"""Augmentation keeps images, labels and truth together."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

from RegQCLib.geometry.warp_torch import warp
from RegQCLib.training.registration.augmentation import (
    affine_displacement,
    augmented,
    corner_affine,
)
from RegQCLib.training.registration.config import AugmentationSettings
from RegQCLib.training.registration.pairs import TrainingPairs, joined, seed_of

SHAPE = (8, 10, 12)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def example() -> TrainingPairs:
    labels = torch.randint(0, 3, (1, *SHAPE), generator=generator(1))
    image = labels[:, None].float()
    other = image.roll(1, 3)
    return TrainingPairs(
        image,
        other,
        labels,
        other[:, 0].long(),
        torch.tensor([[1, 2]]),
        image / 2,
        other / 2,
        torch.rand(1, 3, *SHAPE, generator=generator(2)),
    )


def test_nothing_asked_changes_nothing():
    pairs = example()
    same = augmented(pairs, AugmentationSettings(), generator())
    for name, value in vars(pairs).items():
        assert torch.equal(value, getattr(same, name)), name


def test_corners_move_inwards_by_no_more_than_asked():
    for axes in (2, 3):
        for seed in range(5):
            matrix = corner_affine(axes, 0.1, generator(seed)).numpy()
            corners = np.vstack([-np.ones(axes), 2 * np.eye(axes) - 1])
            moved = corners @ matrix[:, :axes].T + matrix[:, axes]
            inwards = (corners - moved) * np.sign(corners)
            assert (inwards > -1e-5).all()
            assert (inwards < 0.1 + 1e-5).all()
            assert inwards.max() > 0.01


def test_affine_motion_agrees_with_scipy():
    matrix = corner_affine(3, 0.2, generator(4))
    image = torch.rand(SHAPE, generator=generator(5))
    found = warp(image[None, None], affine_displacement(matrix, SHAPE))[0, 0]
    half = (np.array(SHAPE) - 1) / 2
    linear, offset = matrix[:, :3].double().numpy(), matrix[:, 3].double().numpy()
    to_voxels = np.diag(half) @ linear @ np.diag(1 / half)
    shift = half + half * offset - to_voxels @ half
    truth = ndimage.affine_transform(image.numpy(), to_voxels, shift, order=1, mode="nearest")
    np.testing.assert_allclose(found.numpy(), truth, atol=1e-4)


def test_labels_and_confidence_follow_their_image_independently():
    moved = augmented(example(), AugmentationSettings(affine=0.2), generator(3))
    for role in ("fixed", "moving"):
        image, labels = getattr(moved, role), getattr(moved, f"{role}_labels")
        near = (image[:, 0] - labels).abs() < 0.5
        assert near.float().mean() > 0.5
        assert torch.allclose(getattr(moved, f"{role}_confidence"), image / 2, atol=1e-5)
    assert moved.displacement is None
    still = augmented(example(), AugmentationSettings(), generator(3))
    assert not torch.equal(moved.fixed.roll(1, 3), moved.moving)
    assert torch.equal(still.fixed.roll(1, 3), still.moving)


def test_mirrored_pairs_keep_their_truth():
    pairs = example()
    settings = AugmentationSettings(flips=(1, 2))
    seen = set()
    for seed in range(12):
        mirrored = augmented(pairs, settings, generator(seed))
        axes = [
            axis
            for axis in (2, 3, 4)
            if not torch.equal(mirrored.fixed.mean(_others(axis)), pairs.fixed.mean(_others(axis)))
        ]
        seen.add(tuple(axes))
        truth = warp(pairs.moving, pairs.displacement).flip(axes)
        assert torch.allclose(warp(mirrored.moving, mirrored.displacement), truth, atol=1e-4)
        assert torch.equal(mirrored.fixed[:, 0].long(), mirrored.fixed_labels)
        assert torch.equal(mirrored.moving[:, 0].long(), mirrored.moving_labels)
    assert seen == {(), (3,), (4,), (3, 4)}


def _others(axis: int) -> list[int]:
    return [other for other in (2, 3, 4) if other != axis]


def test_intensities_change_and_their_order_stays():
    pairs = example()
    other = augmented(pairs, AugmentationSettings(gamma=0.5), generator())
    assert not torch.equal(other.fixed, pairs.fixed)
    levels = [other.fixed[pairs.fixed == value].unique() for value in (0, 1, 2)]
    assert [len(level) for level in levels] == [1, 1, 1]
    assert float(levels[0]) == 0 < float(levels[1]) < float(levels[2]) == 2
    noisy = augmented(pairs, AugmentationSettings(noise=0.5), generator())
    assert 0 < float((noisy.fixed - pairs.fixed).std()) < 0.5 * float(pairs.fixed.std()) * 1.1
    assert torch.equal(noisy.fixed_labels, pairs.fixed_labels)


def test_batches_are_joined_and_label_lists_filled_up():
    one, other = example(), example()
    other = TrainingPairs(**{**vars(other), "label_values": torch.tensor([[2]])})
    both = joined([one, other])
    assert both.fixed.shape == (2, 1, *SHAPE)
    assert both.label_values.tolist() == [[1, 2], [2, -1]]
    assert joined([TrainingPairs(one.fixed, one.moving)] * 2).fixed_labels is None


def test_seeds_differ_wherever_a_number_differs():
    seeds = {seed_of(a, b, c) for a in range(5) for b in range(5) for c in range(5)}
    assert len(seeds) == 125
    assert seed_of(1, 2, 3) == seed_of(1, 2, 3) < 2**63
