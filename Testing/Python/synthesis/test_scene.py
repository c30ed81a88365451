"""Scenes: functions of position, the same whoever asks."""

from __future__ import annotations

import numpy as np
import torch

from RegQCLib.synthesis.label_maps import LABELS
from RegQCLib.synthesis.scene import BACKGROUND, Scene, random_rotations


def scene(bank, seed: int = 0, batch: int = 8) -> Scene:
    generator = torch.Generator().manual_seed(seed)
    return Scene(bank, torch.full((batch,), 1.5), torch.full((batch,), 90.0), generator)


def grid(batch: int = 8) -> torch.Tensor:
    axis = torch.linspace(-60, 60, 17)
    points = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1)
    return points.expand(batch, *points.shape)


def test_rotations_are_proper_and_point_everywhere():
    rotations = random_rotations(4000, torch.Generator().manual_seed(0))
    product = rotations @ rotations.transpose(1, 2)
    np.testing.assert_allclose(product, torch.eye(3).expand_as(product), atol=1e-5)
    np.testing.assert_allclose(torch.linalg.det(rotations), 1, atol=1e-5)
    # of a uniform rotation every entry has mean 0 and variance 1 / 3
    np.testing.assert_allclose(rotations.mean(dim=0), 0, atol=0.04)
    np.testing.assert_allclose(rotations.var(dim=0), 1 / 3, atol=0.03)


def test_bodies_lie_in_air_and_hold_many_labels(bank):
    seen = scene(bank).at(grid())
    assert torch.equal(seen.label == BACKGROUND, seen.radius > 1)
    share = (seen.radius <= 1).float().flatten(1).mean(1)
    assert float(share.min()) > 0.01
    assert float(share.max()) < 0.95
    assert min(len(labels.unique()) for labels in seen.label) >= 6
    assert int(seen.texture.max()) < LABELS


def test_an_answer_depends_on_the_point_alone(bank):
    points = grid()
    asked = scene(bank, 3)
    whole, part = asked.at(points), asked.at(points[:, 4:6, 2:9, 3])
    assert (whole.label[:, 4:6, 2:9, 3] == part.label).float().mean() > 0.999
    np.testing.assert_allclose(whole.radius[:, 4:6, 2:9, 3], part.radius, atol=1e-4)


def test_maps_continue_in_a_mirror(bank):
    asked = scene(bank, 3, batch=1)
    size = bank.shape[-1]
    asked.rotation = torch.eye(3).expand(2, 1, 3, 3)
    asked.offset = torch.zeros(2, 1, 1, 3)
    voxel = torch.arange(-2 * size, 2 * size)
    points = torch.stack([voxel, torch.full_like(voxel, 5), torch.full_like(voxel, 9)], dim=-1)
    line = asked._look_up(1.5 * points[None].float(), 0, 1.0)[0]
    once = bank[int(asked.maps[0, 0]), :, 5, 9].long()
    assert torch.equal(line, torch.cat([once, once.flip(0)]).repeat(2))


def test_the_seed_decides(bank):
    first, again, other = (scene(bank, seed).at(grid()).label for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
