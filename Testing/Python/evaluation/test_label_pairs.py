"""Label images on one grid: which structures there are, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation.support import GRID, SHAPE, blobs, labels

from RegQCLib.errors import InputError
from RegQCLib.evaluation.label_pairs import pair_labels
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transforms import Affine


def test_structures_are_the_masks_of_each_label():
    fixed, moving = blobs(0), blobs(1)
    fixed[fixed == 3] = 7
    pair = pair_labels(labels(fixed), labels(moving))
    found = {value: (a, b) for value, a, b in pair.structures()}
    assert list(found) == [1, 2, 3, 7]
    for value, (a, b) in found.items():
        whole_a, whole_b = fixed == value, moving == value
        assert a.shape == b.shape
        assert a.sum() == whole_a.sum()
        assert b.sum() == whole_b.sum()
        assert (a & b).sum() == (whole_a & whole_b).sum()


def test_the_box_keeps_one_voxel_around_both_masks():
    fixed, moving = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    fixed[5, 6, 7] = 1
    moving[8, 6, 0] = 1
    ((_, a, b),) = pair_labels(labels(fixed), labels(moving)).structures()
    assert a.shape == (6, 3, 9)  # there is nothing before i = 0
    assert np.argwhere(a).tolist() == [[1, 1, 7]]
    assert np.argwhere(b).tolist() == [[4, 1, 0]]


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int16, np.int64, np.float32])
def test_any_type_of_whole_numbers(kind):
    array = (blobs(2) == 1).astype(kind)
    ((value, a, b),) = pair_labels(labels(array), labels(array.astype(np.uint8))).structures()
    assert value == 1
    assert a.sum() == b.sum() == array.sum()


def test_labels_may_be_negative_or_large():
    array = blobs(3).astype(np.int32)
    array[array == 1] = -4
    array[array == 2] = 2_000_000
    pair = pair_labels(labels(array), labels(array))
    assert pair.values == (-4, 3, 2_000_000)
    assert [a.sum() for _, a, _ in pair.structures()] == [
        (array == value).sum() for value in pair.values
    ]


def test_a_transform_maps_fixed_points_to_the_moving_grid():
    array = blobs(4)
    motion = Affine.rigid((20, 5, -10), (30, -4, 12))
    moved_grid = Grid(SHAPE, motion.matrix @ GRID.affine)
    pair = pair_labels(labels(array), labels(array, grid=moved_grid), motion)
    np.testing.assert_array_equal(pair.fixed, pair.moved)


def test_a_label_that_the_transform_carries_away_is_empty():
    array = np.zeros(SHAPE, np.uint8)
    array[:, :, :3] = 5
    shift = GRID.to_world((4, 0, 0)) - GRID.to_world((0, 0, 0))
    pair = pair_labels(labels(array), labels(array), Affine.rigid(translation_mm=shift))
    ((value, a, b),) = pair.structures()
    assert (value, a.any(), b.any()) == (5, True, False)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros(SHAPE), "no label but 0"),
        (np.full(SHAPE, 0.5), "whole numbers"),
        (np.full(SHAPE, np.nan), "whole numbers"),
        (np.full(SHAPE, np.inf), "whole numbers"),
        (np.full(SHAPE, 1e12), "beyond 2147483647"),
        (np.arange(np.prod(SHAPE)).reshape(SHAPE), "looks like an image"),
    ],
)
def test_what_is_no_label_image_is_refused(array, reason):
    with pytest.raises(InputError, match=rf"this\.nii.*{reason}"):
        pair_labels(labels(array, "this.nii"), labels(array, "that.nii"))


def test_labels_elsewhere_are_refused():
    far = GRID.affine.copy()
    far[:3, 3] += 500
    with pytest.raises(InputError, match=r"a\.nii, b\.nii: .*do not overlap in space"):
        pair_labels(labels(blobs(0), "a.nii"), labels(blobs(0), "b.nii", Grid(SHAPE, far)))
