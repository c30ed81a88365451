"""The descriptor against the NumPy measure, and against a plain loop at borders and in planes."""

from itertools import combinations

import numpy as np
import pytest
import torch

from RegQCLib.similarity import mind as arrays
from RegQCLib.similarity.losses.mind import mind, mind_ssc
from RegQCLib.similarity.losses.ssd import ssd


def by_loop(image, mask, radius, dilation):
    """MIND-SSC voxel by voxel in any number of axes; channels as frozen sets of two neighbors."""
    axes, shape = image.ndim, np.array(image.shape)
    steps = [tuple(sign * row) for row in np.eye(axes, dtype=int) for sign in (-1, 1)]
    pairs = [frozenset(p) for p in combinations(steps, 2) if np.dot(*p) == 0]
    reach = np.stack(np.meshgrid(*[range(-radius, radius + 1)] * axes), -1).reshape(-1, axes)
    distances = {pair: np.full(image.shape, np.nan) for pair in pairs}
    for pair, voxel in ((p, v) for p in pairs for v in np.ndindex(*image.shape)):
        ends = [
            np.clip(np.array(voxel) + reach + dilation * np.array(step), 0, shape - 1).T
            for step in pair
        ]
        known = mask[tuple(ends[0])] & mask[tuple(ends[1])]
        squares = (image[tuple(ends[0])] - image[tuple(ends[1])]) ** 2
        if known.any():
            distances[pair][voxel] = squares[known].mean()
    stack = np.stack(list(distances.values()))
    found = ~np.isnan(stack).all(0)
    stack[:, found] -= np.nanmin(stack[:, found], axis=0)
    variance = np.ones(image.shape)
    variance[found] = np.nanmean(stack[:, found], axis=0)
    typical = variance[found].mean()
    result = np.exp(-stack / np.clip(variance, 1e-3 * typical, 1e3 * typical))
    return dict(zip(distances, np.nan_to_num(result), strict=True))


def tensor(array):
    return torch.from_numpy(array)[None, None]


@pytest.mark.parametrize(("radius", "dilation"), [(1, 2), (1, 1), (2, 1)])
def test_away_from_the_border_it_is_the_numpy_descriptor(radius, dilation):
    image = np.random.default_rng(1).normal(size=(9, 10, 11))
    inner = (..., *[slice(radius, -radius)] * 3)
    # The clamp relative to the image's mean variance is out of reach here, so borders do not mix.
    expected = arrays.mind_ssc(image, radius=radius, dilation=dilation)[inner]
    result = mind_ssc(tensor(image), radius=radius, dilation=dilation)[0][inner]
    assert result.numpy() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("shape", [(4, 5, 3), (7, 6)])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("faint", [False, True])
def test_it_follows_its_definition_at_borders_and_masks_too(shape, masked, faint):
    rng = np.random.default_rng(2)
    image = rng.normal(size=shape)
    if faint:  # so that the clamp of the variance takes hold
        image[:, 3:] *= 1e-3
    mask = rng.uniform(size=shape) < (0.4 if masked else 1)
    result = mind_ssc(tensor(image), tensor(mask) if masked else None, dilation=1)[0].numpy()
    expected = by_loop(image, mask, 1, 1)
    drop = 3 - len(shape)
    flat = [p for p in arrays.PAIRS if not any(p[0][:drop] + p[1][:drop])]
    order = [frozenset((a[drop:], b[drop:])) for a, b in flat]
    assert result.shape[0] == len(order) == {3: 12, 2: 4}[len(shape)]
    assert result == pytest.approx(np.stack([expected[pair] for pair in order]), abs=1e-9)


def test_it_is_the_squared_difference_of_two_descriptors():
    first, second = torch.randn(2, 2, 3, 7, 8, generator=torch.Generator().manual_seed(3))
    expected = ssd(mind_ssc(first), mind_ssc(second)).item()
    assert mind(first, second).item() == pytest.approx(expected)
    assert 0 < expected < 1


def test_the_gradient_is_right_where_the_variance_is_clamped():
    first, second, direction = torch.randn(
        3, 1, 1, 6, 14, dtype=torch.float64, generator=torch.Generator().manual_seed(5)
    )
    second[..., 4:] *= 1e-3
    direction[..., :10] = 0  # the rest decides the mean variance, a constant in the derivative
    second.requires_grad_()
    mind(first, second, dilation=1).backward()
    ends = [mind(first, second.detach() + s * 1e-7 * direction, dilation=1) for s in (1, -1)]
    expected = (ends[0] - ends[1]).item() / 2e-7
    assert (second.grad * direction).sum().item() == pytest.approx(expected, rel=1e-4)


def test_contrast_and_its_inversion_change_nothing():
    image = torch.randn(1, 1, 8, 9, 10, generator=torch.Generator().manual_seed(4))
    assert mind(image, 40 - 3 * image).item() == pytest.approx(0, abs=1e-6)


def test_constant_images_are_alike():
    assert mind(torch.zeros(1, 1, 4, 4, 4), torch.ones(1, 1, 4, 4, 4)).item() == 0
