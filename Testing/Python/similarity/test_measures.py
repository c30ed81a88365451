"""All measures together: what they agree on, and grids."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from RegQCLib.geometry.volume import Volume
from RegQCLib.similarity.arrays import block_average
from RegQCLib.similarity.measures import similarity_measures

SPACING = np.array([0.7, 1.3, 3.0])


@pytest.fixture
def volume():
    array = gaussian_filter(np.random.default_rng(12).normal(size=(20, 48, 60)), (1, 2, 4))
    return Volume(array / array.std(), np.diag([*SPACING, 1.0]))


def test_every_measure_notices_a_shift_in_another_contrast(volume):
    other = volume.with_array(np.abs(volume.array - 4.0) ** 1.5)
    moved = other.with_array(np.roll(other.array, 6, axis=2))
    near, far = similarity_measures(volume, other), similarity_measures(volume, moved)
    assert near["lncc"] > far["lncc"]
    assert near["mi"] > far["mi"]
    assert near["nmi"] > far["nmi"]
    assert near["ngf_distance"] < far["ngf_distance"]
    assert near["mind_distance"] < far["mind_distance"]
    assert near["ncc"] < -0.9  # the contrast is inverted, which correlation takes for unlike


def test_only_the_mask_matters(volume):
    mask = np.zeros(volume.shape, dtype=bool)
    mask[4:16, 8:30, 10:40] = True
    noise = volume.array.copy()
    noise[:, 40:] = 50.0
    result = similarity_measures(volume, volume.with_array(noise), mask)
    assert result["ncc"] == pytest.approx(1)


def test_blocks_are_averaged_and_stay_in_place(volume):
    coarse = block_average(volume, 2.9)
    assert coarse.spacing == pytest.approx([2.8, 2.6, 3.0])
    assert coarse.array[3, 5, 7] == pytest.approx(volume.array[3, 10:12, 28:32].mean(), rel=1e-5)
    center = volume.grid.to_world((29.5, 10.5, 3))
    assert coarse.grid.to_world((7, 5, 3)) == pytest.approx(center)


def test_coarse_volumes_stay_as_they_are(volume):
    assert block_average(volume, 0.6) is volume
