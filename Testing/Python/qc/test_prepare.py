"""Preparing a pair: overlap against counting, and what stands in the way."""

from __future__ import annotations

import nibabel.affines
import numpy as np
import pytest
from qc.support import ellipsoid, grid_around_origin, picture, turned

from RegQCLib.errors import InputError
from RegQCLib.geometry.foreground import body_mask
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCLib.qc.prepare import acquired_grid, prepare_pair

GRID = grid_around_origin((32, 40, 30), (2.0, 1.75, 1.5), direction=turned())


def part(volume, keep):
    """The voxels ``keep`` (slices k, j, i) of a volume, in their place."""
    affine = volume.affine.copy()
    affine[:3, 3] = volume.grid.to_world([s.start or 0 for s in keep[::-1]])
    return Volume(volume.array[keep], affine, "part")


def test_the_same_grid_overlaps_completely():
    image = picture(GRID)
    pair = prepare_pair(image, image)
    assert pair.overlap["fixed_body_covered"] == 1
    assert pair.overlap["fixed_grid_covered"] == 1
    assert pair.obstacle == ""
    volume = 4 / 3 * np.pi * 26 * 32 * 22 / 1000
    assert pair.overlap["body_volume_ml"] == pytest.approx(volume, rel=0.15)
    np.testing.assert_allclose(pair.overlap["extent_mm"], pair.frame.extent_mm[::-1])
    assert ((pair.body != ellipsoid(GRID)).sum() / ellipsoid(GRID).sum()) < 0.15
    np.testing.assert_array_equal(pair.fixed_gray, pair.moved_gray)
    assert pair.fixed_gray.shape == pair.frame.shape == pair.body_box.shape
    assert pair.body_box.sum() == pair.body.sum()


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("share", [0.4, 0.7])
def test_overlap_is_what_counting_says(axis, share):
    image = picture(GRID)
    whole = prepare_pair(image, image).body
    stop = int(share * GRID.shape[axis])
    keep = tuple(slice(0, stop if a == axis else None) for a in range(3))
    pair = prepare_pair(image, part(image, keep))
    inside = np.zeros(GRID.shape, dtype=bool)
    inside[keep] = True
    assert pair.overlap["fixed_grid_covered"] == pytest.approx(inside.mean())
    assert pair.overlap["fixed_body_covered"] == pytest.approx((whole & inside).sum() / whole.sum())
    compared = pair.overlap["fixed_body_compared"]
    assert compared == pytest.approx(pair.body.sum() / body_mask(image).sum())
    assert 0 < compared <= pair.overlap["fixed_body_covered"]
    assert not (pair.body & ~inside).any()
    np.testing.assert_allclose(pair.moved.array[keep], image.array[keep], atol=0.5)
    assert (pair.moved.array[~inside] == pair.moved.array.min()).all()


def test_a_transform_brings_the_field_of_view_along():
    image = picture(GRID)
    away = Affine.rigid(rotation_deg=(10, 20, -15), translation_mm=(300, -200, 90))
    moved = Volume(image.array, away.matrix @ image.affine, "moved")
    pair = prepare_pair(image, moved, away)
    assert pair.overlap["fixed_body_covered"] == 1
    np.testing.assert_allclose(pair.moved.array, image.array, atol=2)


@pytest.mark.parametrize("shift", [(500, 0, 0), (0, -72, 0)])
def test_nothing_in_common_is_an_error(shift):
    image = picture(GRID, name="here")
    with pytest.raises(InputError, match="there") as caught:
        prepare_pair(image, picture(GRID, name="there"), Affine.rigid(translation_mm=shift))
    assert "\n" not in str(caught.value)
    assert "direction" in str(caught.value)


def test_too_little_overlap_is_an_obstacle():
    image = picture(GRID)
    pair = prepare_pair(image, part(image, (slice(0, 9), slice(None), slice(None))))
    covered = pair.overlap["fixed_body_covered"]
    assert 0.02 < covered < 0.2
    assert pair.obstacle == (
        f"the moving image covers only {covered:.0%} of the body in the fixed image; "
        "at least 20% is needed"
    )


def test_a_thin_common_region_is_an_obstacle():
    grid = grid_around_origin((6, 40, 40), (1.5, 1.75, 2.0))
    pair = prepare_pair(picture(grid), picture(grid))
    assert "mm; at least 15 mm is needed" in pair.obstacle
    assert "x 12 mm" in pair.obstacle


def test_a_mask_restricts_the_body_and_the_share():
    image = picture(GRID)
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[10:25, 12:30, 8:22] = True
    pair = prepare_pair(image, image, mask=mask)
    assert pair.overlap["fixed_body_covered"] == 1
    assert not (pair.body & ~mask).any()
    assert pair.body.sum() > 0.9 * mask.sum()


def test_moved_image_is_where_nibabel_puts_points():
    """A bright voxel of the moving image lands where independent geometry says."""
    grid = grid_around_origin((32, 40, 30), (2.0, 1.75, 1.5), direction=turned(-9, mirrored=True))
    moving = picture(grid)
    array = moving.array.copy()
    array[14:17, 22:25, 12:15] = 5000
    motion = Affine.rigid(rotation_deg=(5, -4, 8), translation_mm=(3, 2, -4))
    fixed = picture(Grid(GRID.shape, GRID.affine))
    pair = prepare_pair(fixed, moving.with_array(array), motion)
    world = nibabel.affines.apply_affine(grid.affine, (13, 23, 15))
    at = nibabel.affines.apply_affine(np.linalg.inv(motion.matrix @ GRID.affine), world)
    found = np.argwhere(pair.moved.array > 3000)[:, ::-1].mean(axis=0)
    np.testing.assert_allclose(found, at, atol=0.6)


def test_padding_is_found_though_interpolation_undershot_it():
    rng = np.random.default_rng(0)
    array = np.zeros((20, 30, 40), dtype=np.float32)
    array[:, :, 8:30] = rng.normal(50, 10, (20, 30, 22))
    array[3, 4, 8] = -12.0  # ringing at the edge
    assert acquired_grid(Volume(array, np.eye(4), "strip")).shape == (20, 30, 22)
    noisy = rng.normal(50, 10, array.shape).astype(np.float32)
    assert acquired_grid(Volume(noisy, np.eye(4), "full")).shape == array.shape
