"""Pairs for learning to register: reproducible, and the transform between the images true."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from scipy import stats

from RegQCLib.geometry.warp_torch import warp
from RegQCLib.synthesis.registration_pairs import (
    RegistrationPairs,
    ShapeSettings,
    shape_pairs,
)
from RegQCLib.synthesis.scene import BACKGROUND

SIZE = 32


def draw(bank, count: int = 2, seed: int = 0, **options: object) -> RegistrationPairs:
    return shape_pairs(bank, count, SIZE, torch.Generator().manual_seed(seed), **options)


def agreement(pairs: RegistrationPairs, *, moved: bool) -> float:
    labels = pairs.moving_labels
    if moved:
        warped = warp(labels[:, None].float(), pairs.displacement, mode="nearest")
        labels = warped[:, 0].long()
    inner = (slice(None), *[slice(6, -6)] * 3)  # at the border the moving image may end
    return float((labels[inner] == pairs.fixed_labels[inner]).float().mean())


def test_the_same_seed_gives_the_same_bits(bank):
    first, again, other = draw(bank, seed=1), draw(bank, seed=1), draw(bank, seed=2)
    for field in dataclasses.fields(RegistrationPairs):
        assert torch.equal(getattr(first, field.name), getattr(again, field.name))
    assert not torch.equal(first.fixed, other.fixed)


def test_images_fill_zero_to_one_and_have_the_shapes_that_are_promised(bank):
    pairs = draw(bank, 3)
    assert pairs.fixed.shape == pairs.moving.shape == (3, 1, SIZE, SIZE, SIZE)
    assert pairs.fixed_labels.shape == pairs.moving_labels.shape == (3, SIZE, SIZE, SIZE)
    assert pairs.displacement.shape == (3, 3, SIZE, SIZE, SIZE)
    for image in (pairs.fixed, pairs.moving):
        assert float(image.min()) >= 0
        assert float(image.max()) <= 1
        assert float(image.flatten(1).std(dim=1).min()) > 0.02


@pytest.mark.parametrize("seed", range(4))
def test_the_displacement_brings_the_labels_together(bank, seed):
    pairs = draw(bank, 3, seed=seed)
    assert agreement(pairs, moved=True) > 0.85  # small shapes are lost between voxels
    assert 1 - agreement(pairs, moved=True) < 0.5 * (1 - agreement(pairs, moved=False))


def test_difficulty_makes_motions_larger(bank):
    def mean_length(difficulty: float) -> float:
        drawn = [draw(bank, 4, seed=n, difficulty=difficulty).displacement for n in range(3)]
        return float(torch.cat(drawn).norm(dim=1).mean())

    assert mean_length(1.0) > 1.7 * mean_length(0.0)


def test_easy_pairs_share_a_contrast_and_hard_ones_do_not(bank):
    def likeness(difficulty: float) -> float:
        found = []
        for seed in range(6):
            pairs = draw(bank, 1, seed=seed, difficulty=difficulty)
            moved = warp(pairs.moving, pairs.displacement)
            body = pairs.fixed_labels[0] != BACKGROUND
            found.append(stats.spearmanr(pairs.fixed[0, 0][body], moved[0, 0][body]).statistic)
        return float(torch.tensor(found).median())

    assert likeness(0.0) > 0.8
    assert likeness(1.0) < 0.6


def test_no_motion_leaves_what_was_asked_for(bank):
    still = ShapeSettings(bend=0, shift=0, turn=0, scale=0)
    pairs = draw(bank, settings=still)
    assert float(pairs.displacement.abs().max()) == 0
    assert torch.equal(pairs.fixed_labels, pairs.moving_labels)
    assert not torch.equal(pairs.fixed, pairs.moving)


def test_bodies_are_as_many_as_asked_for(bank):
    all_bodies = draw(bank, 6, settings=ShapeSettings(body_share=1))
    assert bool((all_bodies.fixed_labels == BACKGROUND).flatten(1).any(1).all())
    none = draw(bank, 6, settings=ShapeSettings(body_share=0))
    assert not bool((none.fixed_labels == BACKGROUND).any())
