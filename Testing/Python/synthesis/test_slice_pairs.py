"""Slice pairs: reproducible to the bit, and their displacement true."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from RegQCLib.synthesis import slice_pairs as module
from RegQCLib.synthesis.slice_pairs import ALIGNED_PIXELS, LARGEST_PIXELS, SlicePairs, slice_pairs


def draw(bank, count: int = 6, seed: int = 0, **options: object) -> SlicePairs:
    return slice_pairs(bank, count, 40, torch.Generator().manual_seed(seed), **options)


def test_the_same_seed_gives_the_same_bits(bank):
    first, again, other = draw(bank, seed=1), draw(bank, seed=1), draw(bank, seed=2)
    for field in dataclasses.fields(SlicePairs):
        assert torch.equal(getattr(first, field.name), getattr(again, field.name))
    assert not torch.equal(first.images, other.images)


def test_a_generator_that_was_used_gives_other_pairs(bank):
    generator = torch.Generator().manual_seed(1)
    first, second = (slice_pairs(bank, 2, 40, generator) for _ in range(2))
    assert not torch.equal(first.images, second.images)


def test_images_fill_zero_to_one(bank):
    images = draw(bank, 20).images
    assert images.shape == (20, 2, 40, 40)
    assert float(images.min()) >= 0
    assert float(images.max()) <= 1
    assert float(images.flatten(2).std(dim=2).median()) > 0.1


def test_moved_and_aligned_pairs_are_told_apart(bank):
    pairs = draw(bank, 150, misaligned_share=0.3)
    pixels = pairs.mean_mm / pairs.pixel_mm
    assert float(pairs.misaligned.float().mean()) == pytest.approx(0.3, abs=0.1)
    assert float(pixels[~pairs.misaligned].max()) <= ALIGNED_PIXELS
    assert 0.5 <= float(pixels[pairs.misaligned].min()) < 1.5
    assert 8 < float(pixels[pairs.misaligned].max()) <= LARGEST_PIXELS + 1e-3
    easy = draw(bank, 50, difficulty=0.0, misaligned_share=1.0)
    assert float((easy.mean_mm / easy.pixel_mm).min()) >= 4


def test_asked_means_are_kept(bank):
    asked = torch.tensor([0.0, 1.0, 6.0])
    pairs = draw(bank, 3, mean_mm=asked)
    assert torch.equal(pairs.mean_mm, asked)
    assert pairs.misaligned.tolist() == [False, True, True]
    assert not pairs.match_mm[0].any()
    assert float(pairs.match_mm[2].norm(dim=0).mean()) == pytest.approx(6, rel=0.4)


def test_the_moved_image_shows_at_the_match_what_the_fixed_image_shows(bank, monkeypatch):
    """The labels themselves are asked, before any scanner touches them."""
    seen = []

    def spy(fixed, moved, contrasts, generator):
        seen.append((fixed, moved))
        return acquire(fixed, moved, contrasts, generator)

    acquire = module._acquire
    monkeypatch.setattr(module, "_acquire", spy)
    pairs = draw(bank, 40, misaligned_share=1.0, difficulty=0.0)
    fixed, moved = seen[0]
    grid = torch.stack(torch.meshgrid(torch.arange(40), torch.arange(40), indexing="ij"))
    place = grid + pairs.match_mm[:, :2] / pairs.pixel_mm[:, None, None, None]
    row, column = place.round().long().unbind(1)
    flat = pairs.match_mm[:, 2].abs() < 0.5 * pairs.pixel_mm[:, None, None]
    usable = flat & (row >= 0) & (row < 40) & (column >= 0) & (column < 40) & pairs.body
    index = row.clamp(0, 39) * 40 + column.clamp(0, 39)
    found = moved.radius.flatten(1).gather(1, index.flatten(1)).reshape(row.shape)
    assert int(usable.sum()) > 1000
    gap = (found - fixed.radius).abs()[usable].mean()
    unmoved = (moved.radius - fixed.radius).abs()[usable].mean()
    assert float(gap) < 0.2 * float(unmoved)


def test_bodies_leave_out_what_one_image_lacks(bank):
    pairs = draw(bank, 60)
    black = (pairs.images == 0).any(dim=1) & pairs.body
    assert float(black.float().mean()) < 0.35
    assert np.mean([bool(b.any()) for b in pairs.body]) > 0.9
