"""Local correlation against a loop over windows."""

import numpy as np
import pytest

from RegQCLib.similarity.lncc import lncc, lncc_map


@pytest.fixture
def images():
    rng = np.random.default_rng(2)
    first = rng.normal(size=(9, 8, 10))
    return first, rng.normal(size=first.shape) - 0.5 * first


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("window", [3, (3, 5, 1)])
def test_every_voxel_is_the_correlation_of_its_window(images, squared, window):
    first, second = images
    size = (window,) * 3 if isinstance(window, int) else window
    result = lncc_map(first, second, window=window, squared=squared)
    for center in [(4, 4, 4), (2, 3, 6), (6, 5, 7)]:
        box = tuple(slice(c - s // 2, c + s // 2 + 1) for c, s in zip(center, size, strict=True))
        expected = np.corrcoef(first[box].ravel(), second[box].ravel())[0, 1]
        assert result[center] == pytest.approx(expected**2 if squared else expected, abs=1e-9)


def test_large_offsets_do_not_cancel_the_digits(images):
    first, second = images
    assert lncc_map(first + 1e5, second) == pytest.approx(lncc_map(first, second), abs=1e-6)


def test_an_inverted_copy_is_alike_when_squared(images):
    assert lncc(images[0], -images[0]) == pytest.approx(1)
    assert lncc(images[0], -images[0], squared=False) == pytest.approx(-1)


def test_flat_windows_count_as_unlike():
    image = np.zeros((12, 12, 12))
    image[:3] = np.random.default_rng(3).normal(size=(3, 12, 12))
    assert not lncc_map(image, image, window=3)[5:].any()


def test_the_mean_is_taken_inside_the_mask(images):
    first, second = images
    mask = np.zeros(first.shape, dtype=bool)
    mask[4, 4, 4] = True
    assert lncc(first, second, mask) == pytest.approx(lncc_map(first, second)[4, 4, 4])
