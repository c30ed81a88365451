"""Computing as if in few bits, against arithmetic by hand."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from compression.support import tiny_network, toy_target
from torch import nn

from RegQCLib.compression.fake_quantization import ActivationRange, activation_ranges, few_bits
from RegQCLib.compression.fine_tuning import fine_tune
from RegQCLib.compression.quantization import quantize_weights
from RegQCLib.errors import InputError


def test_activations_are_rounded_between_the_extremes():
    seen = ActivationRange(bits=4)
    seen.observe(torch.tensor([-3.0, 2.0]))
    seen.observe(torch.tensor([12.0]))
    # 15 steps of 1 from -3 to 12
    values = torch.tensor([-9.0, -3, -0.4, 0, 0.6, 11.4, 40], requires_grad=True)
    result = seen.rounded(values)
    torch.testing.assert_close(result.detach(), torch.tensor([-3.0, -3, 0, 0, 1, 11, 12]))
    result.sum().backward()
    torch.testing.assert_close(values.grad, torch.tensor([0.0, 1, 1, 1, 1, 1, 0]))


def test_zero_is_always_on_the_grid():
    for low, high in ((0.3, 7.7), (-5.1, -0.2), (-1, 3.3)):
        seen = ActivationRange()
        seen.observe(torch.tensor([low, high]))
        assert seen.rounded(torch.zeros(3)).abs().max() == 0


def test_calibration_sees_what_every_layer_is_given():
    network = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 1))
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([[1.0, 0], [0, -2]]))
    batches = [(torch.tensor([[1.0, 2], [3, -4]]),), (torch.tensor([[-7.0, 0.5]]),)]
    ranges = activation_ranges(network, network, batches)
    assert (ranges["0"].low, ranges["0"].high) == (-7, 3)
    assert (ranges["2"].low, ranges["2"].high) == (0, 8)
    assert not network[0]._forward_pre_hooks


def test_weights_alone_compute_what_rounded_weights_compute():
    network, images = tiny_network(), torch.rand(3, 2, 8, 8)
    by_hand = copy.deepcopy(network)
    quantize_weights(by_hand, 4)
    with torch.inference_mode(), few_bits(network, 4):
        torch.testing.assert_close(network(images), by_hand(images))
    for name, value in by_hand.state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], value)


def test_eight_bits_of_both_stay_close_to_float():
    network, images = tiny_network(), torch.rand(16, 2, 8, 8)
    ranges = activation_ranges(network, network, [(images,)])
    with torch.inference_mode():
        wanted = network(images)
        with few_bits(network, 8, ranges):
            answer = network(images)
    assert 0 < float((answer - wanted).abs().max()) < 0.05 * float(wanted.abs().max())


def test_training_in_the_block_learns_and_leaves_weights_rounded():
    target = toy_target()
    fine_tune(target.module, target, steps=120, learning_rate=0.01)
    ranges = activation_ranges(target.module, target.module, target.batches(2))
    rounded, aware = copy.deepcopy(target.module), copy.deepcopy(target.module)
    quantize_weights(rounded, 2)
    with few_bits(aware, 2, ranges):
        fine_tune(aware, target, steps=80, learning_rate=5e-3)
    batches = [target.draw(n) for n in range(500, 504)]
    with torch.inference_mode():
        losses = [
            float(np.mean([target.loss(module, batch) for batch in batches]))
            for module in (rounded, aware)
        ]
    assert losses[1] < 0.7 * losses[0]
    again = copy.deepcopy(aware)
    quantize_weights(again, 2)
    for name, value in aware.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value)
    assert not aware[0]._forward_pre_hooks


def test_ranges_of_another_network_are_refused():
    ranges = activation_ranges(nn.Linear(2, 2), nn.Linear(2, 2), [])
    with pytest.raises(InputError, match="another network"), few_bits(tiny_network(), 8, ranges):
        pass
