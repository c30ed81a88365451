"""Mutual information against SimpleITK, the NumPy measure and closed forms."""

import numpy as np
import pytest
import SimpleITK
import torch
from scipy.ndimage import gaussian_filter

from RegQCLib.errors import InputError
from RegQCLib.similarity import nmi as arrays
from RegQCLib.similarity.losses.mutual_information import (
    mutual_information,
    normalized_mutual_information,
)


@pytest.fixture
def pair():
    image = gaussian_filter(np.random.default_rng(1).normal(size=(16, 17, 18)), 1.5)
    return image, (1 - image) ** 3


def tensors(*images):
    return [torch.from_numpy(image)[None, None] for image in images]


@pytest.mark.parametrize("masked", [False, True])
def test_with_cubic_windows_it_is_the_metric_of_mattes(pair, masked):
    bins = 24
    mask = np.ones(pair[0].shape, dtype=bool)
    if masked:
        mask[:, :5] = False
    method = SimpleITK.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(bins)
    method.SetMetricFixedMask(SimpleITK.GetImageFromArray(mask.astype(np.uint8)))
    theirs = method.MetricEvaluate(*map(SimpleITK.GetImageFromArray, pair))
    # ITK leaves two bins empty at either end, and counts the brightest voxel in the bin below.
    low, high = pair[0][mask].min(), pair[0][mask].max() + 1e-9
    width = (high - low) / (bins - 4)
    low_moving = pair[1].min()
    width_moving = (pair[1].max() - low_moving) / (bins - 4)
    ours = mutual_information(
        *tensors(*pair),
        weights=tensors(mask)[0],
        bins=bins,
        window="cubic",
        fixed_range=(low - 2 * width, high + 2 * width),
        moving_range=(low_moving - 2 * width_moving, low_moving + (bins - 3) * width_moving),
    )
    assert ours.item() == pytest.approx(theirs, abs=1e-6)


def test_whole_bins_are_counted_as_the_numpy_measures_count():
    rng = np.random.default_rng(2)
    fixed = rng.integers(0, 8, size=(6, 7, 8))
    moving = np.where(rng.uniform(size=fixed.shape) < 0.4, 7 - fixed, rng.integers(0, 8))
    pair = tensors(fixed.astype(float), moving.astype(float))
    assert -mutual_information(*pair, bins=8).item() == pytest.approx(
        arrays.mutual_information(fixed, moving, bins=8)
    )
    assert 2 - normalized_mutual_information(*pair, bins=8).item() == pytest.approx(
        arrays.normalized_mutual_information(fixed, moving, bins=8)
    )


def test_a_fixed_image_is_binned_between_its_percentiles(pair):
    rng = np.random.default_rng(3)
    image = np.where(rng.uniform(size=pair[0].shape) < 0.003, 1e3, pair[0])
    moving = arrays.binned(image.ravel(), 16).reshape(image.shape)
    loss = normalized_mutual_information(
        *tensors(image, moving.astype(float)), bins=16, moving_range=(0, 15)
    )
    assert loss.item() == pytest.approx(0, abs=1e-9)


def test_linear_windows_share_a_voxel_between_two_bins():
    # Half the voxels in bin 0, half midway between the bins 0 and 1: p = 1/2, 1/4, 1/4.
    fixed = torch.tensor([0.0, 1.0]).double().repeat(6).view(1, 1, 3, 4)
    moving = 0.5 * fixed
    loss = mutual_information(fixed, moving, bins=2, moving_range=(0, 1))
    marginal = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    joint = -(0.5 * np.log(0.5) + 0.5 * np.log(0.25))
    assert -loss.item() == pytest.approx(np.log(2) + marginal - joint)


@pytest.mark.parametrize("window", ["linear", "cubic"])
def test_independent_images_share_nothing(window):
    first, second = np.meshgrid(np.arange(8.0), np.arange(8.0), indexing="ij")
    pair = tensors(first, second)
    assert mutual_information(*pair, window=window).item() == pytest.approx(0, abs=1e-9)
    loss = normalized_mutual_information(*pair, window=window)
    assert loss.item() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("window", ["linear", "cubic"])
def test_voxels_beyond_the_range_count_at_its_end_and_do_not_pull(window):
    fixed, moving = torch.rand(2, 1, 1, 8, 9, dtype=torch.float64)
    moving[..., 0] = 5.0
    moving.requires_grad_()
    options = {"moving_range": (0.0, 1.0), "window": window, "bins": 6}
    loss = mutual_information(fixed, moving, **options)
    loss.backward()
    assert not moving.grad[..., 0].any()
    assert moving.grad[..., 1:].all()
    ended = moving.detach().clamp(max=1.0)
    assert mutual_information(fixed, ended, **options).item() == pytest.approx(loss.item())


def test_samples_are_drawn_by_the_generator_from_inside_the_mask(pair):
    fixed, moving = tensors(*pair)
    mask = torch.zeros_like(fixed, dtype=torch.bool)
    mask[..., 4:12, 2:9] = True
    moving = torch.where(mask, moving, torch.nan)
    options = {"weights": mask, "bins": 8, "moving_range": (-4.0, 5.0)}

    def sampled(seed, share):
        generator = torch.Generator().manual_seed(seed)
        return mutual_information(
            fixed, moving, samples=share, generator=generator, **options
        ).item()

    assert sampled(1, 0.3) == sampled(1, 0.3) != sampled(2, 0.3)
    everything = mutual_information(fixed, moving, **options).item()
    assert np.mean([sampled(s, 1.0) for s in range(20)]) == pytest.approx(everything, rel=0.1)
    plain = mutual_information(fixed, fixed, samples=0.5, generator=torch.Generator())
    assert plain.item() == pytest.approx(mutual_information(fixed, fixed).item(), rel=0.1)


def test_gradients_reach_the_drawn_voxels_alone():
    fixed, moving = torch.rand(2, 1, 1, 40, 50, dtype=torch.float64)
    moving.requires_grad_()
    mutual_information(fixed, moving, samples=0.1).backward()
    assert 100 < (moving.grad != 0).sum() <= 200


def test_voxels_outside_the_mask_are_not_drawn():
    fixed, moving = torch.rand(2, 1, 1, 40, 50, dtype=torch.float64)
    mask = torch.zeros(1, 1, 40, 50, dtype=torch.bool)
    mask[..., :5] = True
    moving.requires_grad_()
    mutual_information(fixed, moving, weights=mask, samples=0.5).backward()
    # 100 draws with replacement from 200 voxels are expected to meet 79 of them.
    assert 60 < (moving.grad != 0).sum() <= 100


def test_a_mask_is_the_same_as_its_voxels_alone(pair):
    mask = np.random.default_rng(4).uniform(size=pair[0].shape) < 0.3
    inside = tensors(*[image[mask][None] + 10 for image in pair])
    outside = tensors(*[image + 10 for image in pair])
    result = mutual_information(*outside, weights=tensors(mask)[0]).item()
    assert result == pytest.approx(mutual_information(*inside).item())


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"bins": 1}, "2 bins or more"),
        ({"window": "square"}, "linear or cubic"),
        ({"moving_range": (1.0, 1.0)}, "low < high"),
        ({"fixed_range": (0.0, np.nan)}, "low < high"),
        ({"samples": 0.0}, "share of the voxels"),
        ({"samples": 1.5}, "share of the voxels"),
    ],
)
def test_options_that_make_no_sense_are_refused(pair, options, reason):
    with pytest.raises(InputError, match=reason):
        normalized_mutual_information(*tensors(*pair), **options)
