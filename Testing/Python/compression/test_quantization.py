"""Rounding to few bits against closed forms, and against the file that stores it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from compression.support import tiny_network
from hypothesis import given, settings
from hypothesis import strategies as st

from RegQCLib.compression.pruning import apply_masks, magnitude_masks, zero_masks
from RegQCLib.compression.quantization import channel_scales, quantize_weights, rounded
from RegQCLib.errors import InputError
from RegQCLib.weights_io import load_weights, save_weights


def test_a_ramp_is_rounded_as_by_hand():
    weight = torch.tensor([[7.0, 3.4, -3.6, 0.5, 1.5, 0.0], [0.7, 0.04, -0.06, 0, 0, -0.7]])
    scale = channel_scales(weight, 4)
    torch.testing.assert_close(scale, torch.tensor([[1.0], [0.1]]))
    expected = torch.tensor([[7.0, 3, -4, 0, 2, 0], [0.7, 0, -0.1, 0, 0, -0.7]])
    torch.testing.assert_close(rounded(weight, scale, 4), expected)


@given(bits=st.sampled_from([3, 4, 8]), seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_the_error_is_at_most_half_a_step(bits, seed):
    weight = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(seed))
    scale = weight.abs().amax(dim=(1, 2), keepdim=True) / (2 ** (bits - 1) - 1)
    result = rounded(weight, channel_scales(weight, bits), bits)
    assert ((result - weight).abs() <= scale / 2 * (1 + 1e-5)).all()
    steps = result / scale
    torch.testing.assert_close(steps, steps.round(), rtol=0, atol=1e-4)
    assert int(steps.round().abs().max()) == 2 ** (bits - 1) - 1


def test_a_searched_scale_errs_less_where_one_weight_stands_out():
    weight = torch.randn(4, 200, generator=torch.Generator().manual_seed(0))
    weight[:2, 0] = 6
    plain, searched = (
        (rounded(weight, channel_scales(weight, 4, search=search), 4) - weight).square().mean(dim=1)
        for search in (False, True)
    )
    assert (searched <= plain).all()
    assert (searched[:2] < 0.9 * plain[:2]).all()


def test_gradients_pass_straight_through_inside_the_grid():
    values = torch.tensor([0.2, -0.9, 3.4, 9.0, -8.0], requires_grad=True)
    factors = torch.tensor([1.0, 2, 3, 4, 5])
    (rounded(values, torch.tensor(0.5), 4) * factors).sum().backward()
    torch.testing.assert_close(values.grad, torch.tensor([1.0, 2, 3, 0, 0]))


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("search", [False, True])
def test_the_file_holds_exactly_what_was_rounded(tmp_path, bits, search):
    network = tiny_network()
    quantize_weights(network, bits, search=search)
    arrays = {name: value.numpy() for name, value in network.state_dict().items()}
    save_weights(tmp_path / "w.npz", arrays, {}, bits=bits)
    for name, loaded in load_weights(tmp_path / "w.npz")[0].items():
        np.testing.assert_allclose(loaded, arrays[name], rtol=1e-6, err_msg=name)
    others = tiny_network().state_dict()
    np.testing.assert_array_equal(arrays["0.bias"], others["0.bias"])
    assert not np.allclose(arrays["0.weight"], others["0.weight"], atol=1e-6)


@pytest.mark.parametrize("bits", [4, 8])
def test_pruned_weights_stay_exactly_zero(bits):
    network = tiny_network()
    apply_masks(network, magnitude_masks(network, 0.25))
    masks = zero_masks(network)
    quantize_weights(network, bits)
    for name, mask in masks.items():
        assert (network.get_parameter(name)[~mask] == 0).all()


@pytest.mark.parametrize("bits", [0, 1, 17])
def test_impossible_bits_are_refused(bits):
    with pytest.raises(InputError, match="2 to 16 bits"):
        quantize_weights(tiny_network(), bits)
