"""What every loss promises, whatever it measures."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from RegQCLib.errors import InputError
from RegQCLib.similarity.losses.registry import LOSSES, loss_named

# Quantities that derivatives take for constants, and windows that fit into small images.
SETTINGS = {
    "lncc": {"window": 3},
    "mi": {"bins": 8, "moving_range": (-5.0, 5.0)},
    "nmi": {"bins": 8, "moving_range": (-5.0, 5.0), "window": "cubic"},
    "ngf": {"epsilon": (0.5, 0.7)},
    "mind": {"dilation": 1},
    "cr": {"bins": 4},
}
SHAPES = {"2-D": (2, 2, 7, 8), "3-D": (2, 1, 5, 6, 4)}

every_loss = pytest.mark.parametrize("name", LOSSES)
every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


def measure(name, *images, **more):
    return loss_named(name)(*images, **SETTINGS.get(name, {}), **more)


def images(shape, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, *shape, generator=generator, dtype=torch.float64).unbind()


def some_mask(shape):
    mask = torch.zeros(shape[0], 1, *shape[2:], dtype=torch.bool)
    mask[0, :, 1:, 2:] = True
    mask[1, :, :-1, :-1] = True
    return mask


def confidence(shape):
    generator = torch.Generator().manual_seed(2)
    random = torch.rand(shape[0], 1, *shape[2:], generator=generator, dtype=torch.float64)
    return random * some_mask(shape)


@every_loss
@every_shape
@pytest.mark.parametrize("weighted", [False, True])
def test_the_gradient_is_that_of_finite_differences(name, shape, weighted):
    fixed, moving = images(shape)
    weights = confidence(shape) if weighted else None
    moving.requires_grad_()
    measure(name, fixed, moving, weights=weights).backward()
    step = 1e-6
    for seed in range(3):
        direction, _ = images(shape, seed=10 + seed)
        ends = (
            measure(name, fixed, moving.detach() + sign * step * direction, weights=weights)
            for sign in (1, -1)
        )
        expected = (next(ends) - next(ends)).item() / (2 * step)
        assert (moving.grad * direction).sum().item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["ssd", "ncc", "lncc", "ngf", "cr"])
def test_second_derivatives_are_right_where_they_are_promised(name):
    fixed, moving = images((1, 1, 4, 5))
    assert torch.autograd.gradgradcheck(
        lambda m: measure(name, fixed, m), moving.clone().requires_grad_()
    )


@pytest.mark.parametrize("name", ["mi", "mind"])
def test_second_derivatives_are_refused_elsewhere(name):
    fixed, moving = images((1, 1, 4, 5))
    moving.requires_grad_()
    (first,) = torch.autograd.grad(measure(name, fixed, moving), moving, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


@every_loss
@every_shape
@pytest.mark.parametrize("junk", [40.0, torch.nan])
def test_values_outside_the_mask_do_not_matter(name, shape, junk):
    mask = some_mask(shape)
    fixed, moving = images(shape)
    clean = moving.clone().requires_grad_()
    expected = measure(name, fixed, clean, weights=mask)
    expected.backward()
    spoiled = torch.where(mask, moving, junk).requires_grad_()
    result = measure(name, torch.where(mask, fixed, junk), spoiled, weights=mask)
    result.backward()
    assert result.item() == pytest.approx(expected.item(), abs=1e-12)
    assert torch.equal(spoiled.grad, clean.grad)
    assert not spoiled.grad[~mask.expand(shape)].any()
    assert measure(name, fixed, moving).item() != pytest.approx(expected.item(), abs=1e-6)


@every_loss
@every_shape
def test_equal_weights_change_nothing(name, shape):
    fixed, moving = images(shape)
    weights = torch.full((shape[0], 1, *shape[2:]), 3.0)
    expected = measure(name, fixed, moving).item()
    assert measure(name, fixed, moving, weights=weights).item() == pytest.approx(expected)


@every_loss
def test_a_heavier_voxel_counts_more(name):
    shape = SHAPES["3-D"]
    fixed, moving = images(shape)
    weights = confidence(shape)
    heavier = weights.clone()
    heavier[:, :, 2:4, 2:4, 1:3] *= 20
    before, after = (measure(name, fixed, moving, weights=w).item() for w in (weights, heavier))
    assert before != pytest.approx(after, abs=1e-4)


@every_loss
def test_batches_and_channels_are_averaged(name):
    fixed, moving = images((2, 3, 6, 7))
    mask = some_mask((2, 3, 6, 7))
    parts = [
        measure(name, fixed[n, None, c, None], moving[n, None, c, None], weights=mask[n, None])
        for n in range(2)
        for c in range(3)
    ]
    result = measure(name, fixed, moving, weights=mask)
    assert result.item() == pytest.approx(torch.stack(parts).mean().item())


@every_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("level", [0.0, 4.1])
@pytest.mark.parametrize("which", [(0,), (1,), (0, 1)], ids=["fixed", "moving", "both"])
def test_constant_images_give_finite_losses_and_gradients(name, dtype, level, which):
    pair = [image.to(dtype) for image in images(SHAPES["3-D"])]
    for index in which:
        pair[index] = torch.full_like(pair[index], level)
    pair[1].requires_grad_()
    loss = loss_named(name)(*pair, weights=some_mask(SHAPES["3-D"]))
    loss.backward()
    assert loss.dtype == dtype
    assert bool(loss.isfinite())
    assert bool(pair[1].grad.isfinite().all())
    assert pair[1].grad.abs().max() < 100


@pytest.mark.parametrize("name", ["ncc", "lncc", "mi", "nmi", "ngf", "cr"])
def test_a_constant_image_is_like_nothing(name):
    fixed, _ = images(SHAPES["3-D"])
    worst = 0.0 if name == "mi" else 1.0
    loss = loss_named(name)(fixed, torch.full_like(fixed, 4.1))
    assert loss.item() == pytest.approx(worst, abs=1e-9)


@pytest.fixture(scope="module")
def smooth():
    array = gaussian_filter(np.random.default_rng(3).normal(size=(20, 24, 28)), 2)
    return torch.from_numpy(array / array.std())[None, None]


@every_loss
def test_a_shift_is_noticed(name, smooth):
    crop = smooth[..., 2:-2]
    losses = [loss_named(name)(crop, smooth[..., 2 + n : 26 + n]).item() for n in (0, 1, 2)]
    assert losses == sorted(losses)
    assert losses[0] < losses[1] - 1e-3
    if name in {"ssd", "ncc", "lncc", "mind"}:
        assert losses[0] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", ["lncc", "mi", "nmi", "ngf", "mind", "cr"])
def test_a_shift_is_noticed_across_inverted_contrast(name, smooth):
    crop, other = smooth[..., 2:-2], (4 - smooth) ** 1.5
    losses = [loss_named(name)(crop, other[..., 2 + n : 26 + n]).item() for n in (0, 1, 2)]
    assert losses == sorted(losses)
    assert losses[0] < losses[1] - 1e-3


@pytest.mark.parametrize(
    ("fixed", "moving", "weights", "reason"),
    [
        ((1, 1, 4, 5), (1, 1, 4, 6), None, "share one grid"),
        ((4, 5), (4, 5), None, "add the axes"),
        ((1, 1, 4, 5), (1, 1, 4, 5), torch.zeros(1, 1, 4, 5), "selects no voxel"),
        ((1, 2, 4, 5), (1, 2, 4, 5), torch.ones(1, 2, 4, 5), "these images need"),
        ((1, 1, 4, 5), (1, 1, 4, 5), torch.full((1, 1, 4, 5), -1.0), "not negative"),
        ((1, 1, 4, 5), (1, 1, 4, 5), torch.full((1, 1, 4, 5), torch.nan), "must be finite"),
        ((2, 1, 1, 2), (2, 1, 1, 2), torch.tensor([1.0, 1, 0, 0]).view(2, 1, 1, 2), "no voxel"),
    ],
)
@every_loss
def test_tensors_that_do_not_fit_are_refused(name, fixed, moving, weights, reason):
    with pytest.raises(InputError, match=reason):
        loss_named(name)(torch.zeros(fixed), torch.zeros(moving), weights=weights)


@every_loss
def test_values_that_are_not_finite_are_refused(name):
    fixed = torch.rand(1, 1, 6, 7)
    fixed[0, 0, 2, 3] = torch.inf
    with pytest.raises(InputError, match="not finite"):
        loss_named(name)(fixed, torch.rand(1, 1, 6, 7))


@every_loss
def test_whole_numbers_and_mixed_types_are_refused(name):
    whole = torch.ones(1, 1, 6, 7, dtype=torch.int16)
    with pytest.raises(InputError, match="floating-point"):
        loss_named(name)(whole, whole)
    with pytest.raises(InputError, match="floating-point"):
        loss_named(name)(whole.float(), whole.double())


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"'sad'; choose one of ssd, ncc, lncc, mi, nmi, ngf"):
        loss_named("sad")


def test_the_numpy_measures_load_no_torch():
    code = "import sys, RegQCLib.similarity.measures; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
