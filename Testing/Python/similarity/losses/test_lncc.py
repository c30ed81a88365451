"""Local correlation against the NumPy measure, SimpleITK and a loop over weighted windows."""

import numpy as np
import pytest
import SimpleITK
import torch

from RegQCLib.errors import InputError
from RegQCLib.similarity import lncc as arrays
from RegQCLib.similarity.losses.lncc import lncc, lncc_map


@pytest.fixture
def pair():
    rng = np.random.default_rng(2)
    first = rng.normal(size=(9, 8, 10))
    return first, rng.normal(size=first.shape) - 0.5 * first


def tensors(*images):
    return [torch.from_numpy(image)[None, None] for image in images]


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("window", [5, (3, 5, 1)])
def test_away_from_the_border_it_is_the_numpy_measure(pair, squared, window):
    result = lncc_map(*tensors(*pair), window=window, squared=squared)[0, 0].numpy()
    expected = arrays.lncc_map(*pair, window=window, squared=squared)
    inner = (slice(2, -2),) * 3
    assert result[inner] == pytest.approx(expected[inner], abs=1e-9)


def test_at_the_border_too_it_is_the_metric_of_simpleitk(pair):
    method = SimpleITK.ImageRegistrationMethod()
    method.SetMetricAsANTSNeighborhoodCorrelation(2)
    theirs = method.MetricEvaluate(*map(SimpleITK.GetImageFromArray, pair))
    assert lncc(*tensors(*pair), window=5).item() == pytest.approx(1 + theirs, abs=1e-9)


def test_windows_are_weighted_by_the_confidence(pair):
    weights = np.random.default_rng(3).uniform(size=pair[0].shape)
    weights[:, :, 6:] = 0
    result = lncc_map(*tensors(*pair), weights=tensors(weights)[0], window=(3, 3, 5), squared=False)
    for center in [(4, 4, 4), (0, 3, 2), (8, 7, 5)]:
        box = tuple(slice(max(c - r, 0), c + r + 1) for c, r in zip(center, (1, 1, 2), strict=True))
        a, b, w = (image[box].ravel() for image in (*pair, weights))
        matrix = np.cov(a, b, aweights=w)
        expected = matrix[0, 1] / np.sqrt(matrix[0, 0] * matrix[1, 1])
        assert result[0, 0][center].item() == pytest.approx(expected, abs=1e-9)


def test_a_stack_with_flat_windows_is_its_slices(pair):
    stack = lncc_map(*tensors(*pair), window=(1, 3, 5))
    fixed, moving = (torch.from_numpy(image)[:, None] for image in pair)
    # Floors for flat windows are relative to each image, so none may be flat here.
    assert lncc_map(fixed, moving, window=(3, 5))[:, 0].numpy() == pytest.approx(
        stack[0, 0].numpy(), abs=1e-9
    )


def test_inverted_contrast_is_seen_or_not(pair):
    fixed = tensors(pair[0])[0]
    assert lncc(fixed, -fixed).item() == pytest.approx(0, abs=1e-9)
    assert lncc(fixed, -fixed, squared=False).item() == pytest.approx(2, abs=1e-9)


def test_float32_agrees_with_float64_beside_a_large_offset(pair):
    pair = tuple(image + 500 for image in pair)
    result = lncc_map(*(image.float() for image in tensors(*pair)), window=3)
    expected = lncc_map(*tensors(*pair), window=3)
    assert result.numpy() == pytest.approx(expected.numpy(), abs=2e-3)


def test_flat_windows_count_as_unlike_even_beside_bright_ones():
    image = torch.full((1, 1, 12, 12, 12), 7.3)
    image[:, :, :3] = torch.randn(3, 12, 12, generator=torch.Generator().manual_seed(4)) - 20
    assert lncc_map(image, image, window=3)[0, 0, 5:].abs().max() < 1e-3
    assert lncc_map(image, image, window=3)[0, 0, :3].min() > 0.999


@pytest.mark.parametrize("window", [4, 0, (3, 3), (3, 3, 2)])
def test_windows_without_a_middle_are_refused(pair, window):
    with pytest.raises(InputError, match="odd number"):
        lncc(*tensors(*pair), window=window)
