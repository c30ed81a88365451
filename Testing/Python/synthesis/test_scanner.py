"""What a scanner does must leave anatomy where it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from RegQCLib.synthesis.scanner import (
    coarse_matrix,
    field_of_view,
    point_spread,
    random_thick_slices,
    receiver_noise,
    thick_slices,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def blob(shape: tuple[int, ...], center: tuple[float, ...]) -> torch.Tensor:
    axes = np.meshgrid(*[np.arange(n) for n in shape], indexing="ij")
    squared = sum((a - c) ** 2 for a, c in zip(axes, center, strict=True))
    return torch.as_tensor(np.exp(-squared / 50), dtype=torch.float32)[None, None]


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("thickness", [2, 3, 6])
def test_thick_slices_leave_anatomy_in_place(axis, thickness):
    image = blob((41, 44, 47), (19.3, 22.0, 23.8))
    before = np.array(ndimage.center_of_mass(image[0, 0].numpy()))
    moves = []
    for phase in range(thickness):
        thick = thick_slices(image, axis, thickness, phase=phase)
        assert thick.shape == image.shape
        moves.append(np.array(ndimage.center_of_mass(thick[0, 0].numpy())) - before)
    # one phase may move the center by what sampling at thickness costs, their mean by nothing
    np.testing.assert_allclose(moves, 0, atol=0.1)
    np.testing.assert_allclose(np.mean(moves, axis=0), 0, atol=0.02)


def test_thick_slices_are_means_of_their_voxels():
    line = torch.arange(12.0).square().reshape(1, 1, 12, 1)
    thick = thick_slices(line, 0, 3)[0, 0, :, 0]
    np.testing.assert_allclose(thick[1::3], line.reshape(4, 3).mean(dim=1), rtol=1e-6)
    late = thick_slices(line, 0, 3, phase=1)[0, 0, :, 0]  # slices of voxels (0, 0, 1), (2, 3, 4)..
    np.testing.assert_allclose(late[0:10:3], [1 / 3, 29 / 3, 110 / 3, 245 / 3], rtol=1e-5)


def test_one_voxel_thick_is_unchanged():
    image = torch.rand(2, 1, 7, 9, generator=generator())
    np.testing.assert_allclose(thick_slices(image, 1, 1), image, atol=1e-6)


@pytest.mark.parametrize(
    "degrade", [coarse_matrix, lambda i, s, g: random_thick_slices(i, 1, s, g)]
)
def test_degrading_touches_a_share_and_stays_in_place(degrade):
    image = blob((64, 72), (14.4, 55.1)).expand(200, 1, 64, 72)
    assert torch.equal(degrade(image, 0.0, generator()), image)
    half = degrade(image, 0.5, generator())
    changed = (half != image).flatten(1).any(1)
    assert float(changed.float().mean()) == pytest.approx(0.5, abs=0.12)
    center = ndimage.center_of_mass(half[changed][0, 0].numpy())
    np.testing.assert_allclose(center, (14.4, 55.1), atol=0.12)


def test_point_spread_blurs_without_moving():
    image = blob((48, 52), (22.4, 27.1)).expand(30, 1, 48, 52)
    spread = point_spread(image, generator())
    assert bool((spread.flatten(1).amax(1) < image.flatten(1).amax(1)).all())
    for one in spread[:5, 0].numpy():
        np.testing.assert_allclose(ndimage.center_of_mass(one), (22.4, 27.1), atol=0.05)


def test_noise_has_zero_or_rician_mean():
    noisy = receiver_noise(torch.full((60, 1, 40, 40), 0.5), generator())
    deviation = (noisy - 0.5).flatten(1)
    assert float(deviation.std(dim=1).max()) < 0.09
    assert float(deviation.std(dim=1).max()) > 0.04
    assert float(deviation.mean(dim=1).abs().max()) < 0.02
    in_air = receiver_noise(torch.zeros(60, 1, 40, 40), generator()).flatten(1)
    rician = in_air.amin(1) >= 0
    assert 0.3 < float(rician.float().mean()) < 0.7


@pytest.mark.parametrize("shape", [(30, 40), (20, 24, 28)])
def test_fields_of_view_are_boxes_for_a_share(shape):
    mask = field_of_view(torch.Size(shape), 300, 0.4, generator())
    assert mask.shape == (300, 1, *shape)
    cut = ~mask.flatten(1).all(1)
    assert 0.25 < float(cut.float().mean()) < 0.45
    for one in mask[cut][:20, 0].numpy():
        place = ndimage.find_objects(one.astype(int))[0]
        assert one[place].all(), "not a box"
        assert one.mean() > 0.4 ** len(shape)
    assert field_of_view(torch.Size(shape), 20, 0.0, generator()).all()
