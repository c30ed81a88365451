"""Both images in one frame, at any resolution."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from registration.iterative.deformable_support import grid, pair

from RegQCLib.errors import InputError
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.iterative.control_grid import ControlGrid
from RegQCLib.registration.iterative.deformable_frame import REACH_MM
from RegQCLib.registration.iterative.deformable_pair import BETWEEN_SLICES, prepare

CPU = torch.device("cpu")


def prepared(fixed, moving, init=None, *, finest_mm=2.0, reach=False, weights=None):
    return prepare(
        fixed,
        moving,
        init,
        finest_mm=finest_mm,
        fixed_weights=weights,
        moving_weights=None,
        reach=reach,
        device=CPU,
    )


def test_levels_average_blocks_of_voxels():
    images = prepared(*pair((28, 30, 32))[:2])
    whole, half = images.whole, images.level(2)
    assert half.spacing == (4.0, 4.0, 4.0)
    assert half.offset == (1.0, 1.0, 1.0)
    assert half.fixed[0, 0, 1, 2, 3] == pytest.approx(
        float(whole.fixed[0, 0, 2:4, 4:6, 6:8].mean())
    )


def test_the_frame_holds_the_body_and_little_else():
    fixed, moving, _ = pair((48, 50, 52))
    images = prepared(fixed, moving)
    assert max(images.grid.shape) < 40
    corner = fixed.grid.to_index(images.grid.origin)
    np.testing.assert_allclose(corner, np.rint(corner), atol=1e-6)


def test_images_have_unit_spread():
    whole = prepared(*pair((28, 30, 32))[:2]).whole
    for image in (whole.fixed, whole.moving):
        assert float(image.mean()) == pytest.approx(0, abs=1e-4)
        assert float(image.std()) == pytest.approx(1, abs=1e-3)


def test_moved_samples_where_points_go():
    whole = prepared(*pair((28, 30, 32))[:2]).whole
    shift = torch.zeros(3, *whole.fixed.shape[2:])
    shift[1] = 4.0  # mm: two voxels along j
    moved = whole.moved(whole.moving, shift)
    torch.testing.assert_close(moved[..., :-2, :], whole.moving[..., 2:, :], atol=1e-4, rtol=0)


def test_the_moving_image_reaches_further_where_the_body_is_cut_off():
    _, moving, _ = pair((28, 30, 32))
    inner = grid((28, 30, 32)).affine.copy()
    inner[:3, 3] = moving.grid.to_world([0, 0, 8])
    fixed = Volume(moving.array[8:20], inner, "fixed")
    images = prepared(fixed, moving, reach=True)
    assert images.whole.start[0] * 2 >= REACH_MM
    zero = torch.zeros(3, *images.whole.fixed.shape[2:])
    found = images.whole.moved(images.whole.moving, zero)
    similar = torch.corrcoef(torch.stack([found.flatten(), images.whole.fixed.flatten()]))[0, 1]
    assert similar > 0.9999


def test_weights_come_from_both_images():
    fixed, moving, _ = pair((28, 30, 32))
    ones = fixed.with_array(np.ones(fixed.shape, np.float32))
    cut = Volume(moving.array[:14], moving.affine, "moving")
    images = prepared(fixed, cut, weights=ones.with_array(0.5 * ones.array))
    zero = torch.zeros(3, *images.whole.fixed.shape[2:])
    weights = images.whole.weights(zero)
    assert weights is not None
    assert set(weights.unique().tolist()) == {0.0, 0.5}


def test_thick_slices_count_more_than_what_is_interpolated_between_them():
    fixed, moving, _ = pair((28, 30, 32))  # 2 mm
    affine = moving.affine.copy()
    affine[:3, 2] *= 4
    affine[:3, 3] = moving.grid.to_world((0, 0, 1))
    stack = Volume(np.ascontiguousarray(moving.array[1::4]), affine, "stack")
    images = prepared(fixed, stack)
    weights = images.whole.moving_weights[0, 0].numpy()
    middle = weights[:, weights.shape[1] // 2, weights.shape[2] // 2]
    first = round(float(fixed.grid.to_index(images.grid.origin)[2]))
    planes = np.arange(first, first + len(middle))
    inner = (planes > 1) & (planes < 25)
    expected = np.where(planes % 4 == 1, 1, BETWEEN_SLICES)
    np.testing.assert_allclose(middle[inner], expected[inner], atol=1e-5)
    assert images.level(2).moving_weights is not None


def test_slices_as_thick_as_those_they_are_laid_on_all_count_alike():
    fixed, moving, _ = pair((28, 30, 32))
    thick = (slice(None, None, 4),)
    affine = fixed.affine.copy()
    affine[:3, 2] *= 4
    images = prepared(
        *(Volume(np.ascontiguousarray(v.array[thick]), affine) for v in (fixed, moving))
    )
    assert images.whole.moving_weights is None


def test_a_map_reaches_beyond_its_border():
    images = prepared(*pair((28, 30, 32))[:2])
    small = Volume(np.full((2, 2, 2), 7.0), images.grid.affine, "map")
    control = ControlGrid(images.extent, (10.0, 10.0, 10.0))
    assert (images.on_nodes(small, control) == 7).all()


def test_points_are_told_from_the_corner_of_the_frame():
    images = prepared(*pair((28, 30, 32))[:2])
    point = images.grid.to_world([[3.0, 2.0, 1.0]])
    np.testing.assert_allclose(images.to_frame(point), [[2.0, 4.0, 6.0]], atol=1e-9)


def test_images_apart_are_refused():
    fixed, moving, _ = pair((28, 30, 32))
    with pytest.raises(InputError, match="do not overlap"):
        prepared(fixed, moving, Affine.rigid((0, 0, 0), (900, 0, 0)))


def test_nothing_is_sampled_next_to_unknown_voxels():
    fixed, moving, _ = pair((28, 30, 32))
    images = prepared(fixed, Volume(moving.array[:-6], moving.affine, "cropped"))
    level = images.level(1)
    known = level.moving_weights[0, 0]
    assert set(known.unique().tolist()) == {0, 1}
    last = int(known.amax((1, 2)).nonzero().max())
    weights = level.weights(torch.zeros(3, *level.fixed.shape[2:]))[0, 0]
    assert (weights[:last] == known[:last]).all()
    assert (weights[last:] == 0).all()
