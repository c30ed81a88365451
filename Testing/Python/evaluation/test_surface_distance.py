"""Surface distances against SimpleITK, brute force over surface points, and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from evaluation.support import SHAPE, SPACING, ball, blobs
from scipy.spatial.distance import cdist

from RegQCLib.evaluation.surface_distance import surface_distances


def surface_points(mask: np.ndarray) -> np.ndarray:
    """Centers in mm of the voxels that have one of their six neighbors outside."""
    found = []
    for place in np.argwhere(mask):
        for axis in range(3):
            for step in (-1, 1):
                other = place.copy()
                other[axis] += step
                beyond = not 0 <= other[axis] < mask.shape[axis]
                if beyond or not mask[tuple(other)]:
                    found.append(tuple(place))
    return np.array(sorted(set(found))) * SPACING


@pytest.mark.parametrize("seed", range(3))
def test_distances_by_brute_force(seed):
    a, b = blobs(seed, 8) == 1, blobs(seed + 50, 8) == 2
    table = cdist(surface_points(a), surface_points(b))
    forward, backward = table.min(axis=1), table.min(axis=0)
    found = surface_distances(a, b, SPACING)
    np.testing.assert_allclose(np.sort(found.forward), np.sort(forward), atol=1e-9)
    np.testing.assert_allclose(np.sort(found.backward), np.sort(backward), atol=1e-9)
    both = np.concatenate([forward, backward])
    assert found.average() == pytest.approx(both.mean())
    for percent in (50, 95, 100):
        expected = max(np.percentile(forward, percent), np.percentile(backward, percent))
        assert found.hausdorff(percent) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_hausdorff_distance_is_that_of_simpleitk(seed):
    # SimpleITK takes all voxels, so these masks are nothing but surface.
    a, b = (np.random.default_rng((seed, n)).random(SHAPE) < 0.01 for n in range(2))
    images = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (a, b)]
    for image in images:
        image.SetSpacing(SPACING[::-1])
    measure = sitk.HausdorffDistanceImageFilter()
    measure.Execute(*images)
    found = surface_distances(a, b, SPACING)
    assert found.hausdorff(100) == pytest.approx(measure.GetHausdorffDistance(), rel=1e-5)


def test_shells_are_the_difference_of_their_radii_apart():
    shape = (41, 41, 41)
    inner, outer = (ball(radius, (20, 20, 20), shape) for radius in (10.5, 16.5))
    found = surface_distances(inner, outer, (0.5, 0.5, 0.5))
    half_a_voxel = 0.25
    assert found.average() == pytest.approx(3.0, abs=half_a_voxel)
    assert found.hausdorff() == pytest.approx(3.0, abs=half_a_voxel)


@pytest.mark.parametrize("axis", range(3))
def test_parallel_sheets_are_their_gap_apart(axis):
    a, b = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    a[(slice(None),) * axis + (3,)] = True
    b[(slice(None),) * axis + (10,)] = True
    found = surface_distances(a, b, SPACING)
    gap = pytest.approx(7 * SPACING[axis])
    assert (found.average(), found.hausdorff(), found.hausdorff(100)) == (gap, gap, gap)


def test_one_stray_voxel_moves_the_maximum_but_not_hd95():
    a = ball(6, (8, 10, 10), SHAPE)
    b = a.copy()
    b[0, 0, 25] = True
    found = surface_distances(a, b, (1, 1, 1))
    assert found.hausdorff(95) == 0
    assert found.hausdorff(100) > 10


def test_the_edge_of_the_array_is_surface():
    found = surface_distances(np.ones((3, 3, 3), bool), np.ones((3, 3, 3), bool), (1, 1, 1))
    assert len(found.forward) == 26


def test_an_empty_mask_has_no_surface():
    full, empty = np.ones(SHAPE, bool), np.zeros(SHAPE, bool)
    assert surface_distances(full, empty, SPACING) is None
    assert surface_distances(empty, full, SPACING) is None
