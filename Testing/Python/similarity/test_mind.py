"""The descriptor against a plain loop over patches and neighbors."""

from itertools import combinations

import numpy as np
import pytest

from RegQCLib.similarity.mind import PAIRS, mind_distance, mind_map, mind_ssc


def by_loop(image, radius, dilation):
    """MIND-SSC voxel by voxel, written from its definition.

    Patches are averaged over an image of squared differences that continues at its border.
    """
    steps = (
        [(s, 0, 0) for s in (-1, 1)] + [(0, s, 0) for s in (-1, 1)] + [(0, 0, s) for s in (-1, 1)]
    )
    steps = sorted(steps)
    pairs = [(a, b) for a, b in combinations(steps, 2) if np.dot(a, b) == 0]
    shape = np.array(image.shape)

    def at(voxel, step):
        place = np.clip(np.array(voxel) + dilation * np.array(step), 0, shape - 1)
        return float(image[tuple(place)])

    result = {}
    reach = range(-radius, radius + 1)
    for pair in pairs:
        values = np.zeros(image.shape)
        for voxel in np.ndindex(*image.shape):
            patch = [
                np.clip(np.add(voxel, (a, b, c)), 0, shape - 1)
                for a in reach
                for b in reach
                for c in reach
            ]
            values[voxel] = np.mean([(at(p, pair[0]) - at(p, pair[1])) ** 2 for p in patch])
        result[frozenset(pair)] = values
    stack = np.stack([result[frozenset(pair)] for pair in PAIRS])
    stack -= stack.min(axis=0)
    variance = stack.mean(axis=0)
    return np.exp(-stack / np.clip(variance, variance.mean() * 1e-3, variance.mean() * 1e3))


@pytest.mark.parametrize(("radius", "dilation"), [(1, 2), (1, 1)])
def test_it_follows_its_definition(radius, dilation):
    image = np.random.default_rng(8).normal(size=(4, 5, 6))
    result = mind_ssc(image, radius=radius, dilation=dilation)
    assert result == pytest.approx(by_loop(image, radius, dilation), abs=1e-4)


def test_twelve_pairs_of_neighbors_that_are_not_opposite():
    assert len(set(map(frozenset, PAIRS))) == 12
    assert all(np.dot(a, b) == 0 for a, b in PAIRS)


def test_contrast_and_its_inversion_change_nothing():
    image = np.random.default_rng(9).normal(size=(8, 9, 10))
    assert mind_distance(image, 40 - 3 * image) == pytest.approx(0, abs=1e-6)


def test_a_shift_is_a_distance_and_more_so_a_larger_one():
    rng = np.random.default_rng(10)
    image = np.cumsum(np.cumsum(rng.normal(size=(16, 16, 16)), axis=1), axis=2)
    near, far = (mind_distance(image, np.roll(image, n, axis=2)) for n in (1, 3))
    assert 0 < near < far


def test_the_mask_selects_the_voxels_of_the_mean():
    first, second = np.random.default_rng(11).normal(size=(2, 6, 6, 6))
    mask = np.zeros(first.shape, dtype=bool)
    mask[2, 3, 4] = True
    assert mind_distance(first, second, mask) == pytest.approx(mind_map(first, second)[2, 3, 4])


def test_constant_images_are_alike():
    assert mind_distance(np.zeros((4, 4, 4)), np.ones((4, 4, 4))) == 0
