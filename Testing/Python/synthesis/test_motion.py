"""Motions: their mean length, their exact inverse relation, no folds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from RegQCLib.synthesis.motion import Motion, slice_shifts

MEANS = torch.tensor([0.0, 0.3, 1.0, 3.0, 8.0, 15.0]).repeat(10)


def drawn(seed: int = 0, **options: object) -> tuple[Motion, torch.Tensor, torch.Tensor]:
    """Sixty motions over slices of 90 x 120 mm, counted inside a disk only."""
    generator = torch.Generator().manual_seed(seed)
    row, column = torch.meshgrid(
        torch.linspace(-45, 45, 19), torch.linspace(-60, 60, 25), indexing="ij"
    )
    plane = torch.stack([row, column, 0.3 * row], dim=-1)
    points = plane.expand(len(MEANS), *plane.shape)
    inside = points.norm(dim=-1) < 50
    return Motion(MEANS, points, inside, generator, **options), points, inside


def test_the_mean_length_is_the_asked_one():
    motion, points, inside = drawn()
    length = motion(points).norm(dim=-1)
    mean = (length * inside).flatten(1).sum(1) / inside.flatten(1).sum(1)
    np.testing.assert_allclose(mean, MEANS, rtol=1e-4)


def test_a_match_shows_the_same_anatomy():
    motion, points, _ = drawn()
    match = motion.towards_match(points)
    residual = (match + motion(points + match)).norm(dim=-1)
    assert float(residual.max()) < 1e-3
    far = match[MEANS >= 8]
    assert float((far + motion(points)[MEANS >= 8]).norm(dim=-1).max()) > 1, "-u itself is no match"


def test_motions_do_not_fold():
    motion, points, _ = drawn(seed=1)
    step = 0.1
    columns = [
        (motion(points + step * e) - motion(points - step * e)) / (2 * step) for e in torch.eye(3)
    ]
    jacobian = torch.eye(3) + torch.stack(columns, dim=-1)
    assert float(torch.linalg.det(jacobian).min()) > 0


def test_kinds_differ():
    motion, points, _ = drawn()
    u = motion(points)[MEANS > 0] / MEANS[MEANS > 0][:, None, None, None]
    spread = u.flatten(1, 2).std(dim=1).norm(dim=1)
    assert float((spread < 1e-4).float().mean()) > 0.05, "no pure translation"
    assert float((spread > 0.3).float().mean()) > 0.2, "nothing but translations"


def test_the_seed_decides():
    u, again, other = (m(p) for m, p, _ in (drawn(4), drawn(4), drawn(5)))
    assert torch.equal(u, again)
    assert not torch.allclose(u, other)


@pytest.mark.parametrize("through", [0.0, 3.0])
def test_motion_along_the_normal_can_be_changed(through):
    normal = torch.nn.functional.normalize(torch.tensor([[1.0, 2.0, -2.0]]), dim=1)
    options = {"normal": normal.expand(len(MEANS), 3), "through": through}
    (plain, points, _), (changed, _, inside) = drawn(2), drawn(2, **options)
    length = (changed(points).norm(dim=-1) * inside).flatten(1).sum(1)
    np.testing.assert_allclose(length / inside.flatten(1).sum(1), MEANS, rtol=1e-4)
    large = MEANS == 3
    along, before = (
        (u(points)[large] @ normal[0]).norm() / u(points)[large].norm() for u in (changed, plain)
    )
    if through == 0:
        assert float(along) < 1e-5
    else:
        assert float(along) > 1.2 * float(before)


def test_a_share_of_the_slices_moves():
    shifts = slice_shifts(5000, 0.2, 4.0, torch.Generator().manual_seed(0))
    moved = shifts.any(dim=1)
    assert float(moved.float().mean()) == pytest.approx(0.2, abs=0.02)
    assert float(shifts[moved].std()) == pytest.approx(4, rel=0.05)
    assert not slice_shifts(50, 0.0, 4.0, torch.Generator().manual_seed(0)).any()
