"""Box sums against SciPy's filter."""

import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter

from RegQCLib.similarity.losses.box import box_sum


@pytest.mark.parametrize("windows", [(1, 1, 1), (3, 1, 5), (7, 9, 3), (15, 11, 13)])
def test_it_is_the_sum_over_the_box(windows):
    image = np.random.default_rng(1).normal(size=(6, 13, 9))
    expected = uniform_filter(image, windows, mode="constant") * np.prod(windows)
    result = box_sum(torch.from_numpy(image)[None, None], windows)
    assert result[0, 0].numpy() == pytest.approx(expected, abs=1e-10)


def test_float32_keeps_its_digits_beside_large_values():
    # A running sum would carry the rounding of 1e6 along the whole axis.
    image = torch.ones(1, 1, 3, 4000)
    image[..., :1000] = 1e6 + 0.3
    assert torch.equal(box_sum(image, (3, 9))[0, 0, 1, 1100:-4], torch.full((2896,), 27.0))


def test_planes_are_summed_as_well():
    image = torch.arange(12.0).view(1, 1, 3, 4)
    assert box_sum(image, (3, 3))[0, 0, 1, 1] == image[0, 0, :3, :3].sum()


def test_derivatives_of_any_order():
    image = torch.randn(1, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: box_sum(x, (3, 5)) ** 2, image)
