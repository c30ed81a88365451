"""Pruning against sorted lists, and zeros that stay."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from compression.support import tiny_network
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from RegQCLib.compression.pruning import (
    PruningSchedule,
    apply_masks,
    magnitude_masks,
    zero_masks,
    zero_share,
)
from RegQCLib.errors import InputError


def counted(module: nn.Module) -> dict[str, np.ndarray]:
    """Weights and biases of convolutions and linear layers, found by their number of axes."""
    state = {n: p.detach().numpy().copy() for n, p in module.named_parameters()}
    matrices = {n.rpartition(".")[0] for n, p in state.items() if p.ndim > 1}
    return {n: p for n, p in state.items() if n.rpartition(".")[0] in matrices}


@pytest.mark.parametrize("share", [0, 0.25, 0.9])
def test_the_smallest_of_the_whole_network_go(share):
    network = tiny_network()
    before = counted(network)
    values = np.sort(np.concatenate([np.abs(p).ravel() for p in before.values()]))
    limit = values[round(share * len(values))]
    apply_masks(network, magnitude_masks(network, share))
    for name, after in counted(network).items():
        expected = np.where(np.abs(before[name]) < limit, 0, before[name])
        np.testing.assert_array_equal(after, expected, err_msg=name)
    assert zero_share(network) == pytest.approx(share, abs=1 / len(values))


def test_normalizations_and_lone_parameters_stay():
    network = tiny_network()
    with torch.no_grad():
        network[1].weight.fill_(1e-6)
    network.sharpness = nn.Parameter(torch.tensor(1e-9))
    masks = magnitude_masks(network, 0.5)
    assert sorted(masks) == sorted(counted(network))
    assert "0.bias" in masks
    assert "0.bias" not in magnitude_masks(network, 0.5, biases=False)


def test_equal_magnitudes_are_dropped_to_the_exact_count():
    layer = nn.Linear(10, 10, bias=False)
    nn.init.constant_(layer.weight, -0.5)
    apply_masks(layer, magnitude_masks(layer, 0.33))
    assert int((layer.weight == 0).sum()) == 33


def test_zeros_of_earlier_pruning_stay_zeros():
    network = tiny_network()
    apply_masks(network, magnitude_masks(network, 0.25))
    first = zero_masks(network)
    second = magnitude_masks(network, 0.6)
    for name, mask in second.items():
        assert not (mask & ~first[name]).any()


@pytest.mark.parametrize("share", [-0.1, 1, 1.5, float("nan")])
def test_shares_that_keep_nothing_are_refused(share):
    with pytest.raises(InputError, match="share to prune"):
        magnitude_masks(tiny_network(), share)


@given(
    final=st.floats(0.1, 0.95),
    initial=st.floats(0, 0.1),
    begin=st.integers(0, 50),
    length=st.integers(1, 200),
)
@settings(max_examples=60, deadline=None)
def test_the_schedule_follows_its_equation(final, initial, begin, length):
    schedule = PruningSchedule(final, begin, begin + length, initial=initial)
    shares = [schedule.share(t) for t in range(begin, begin + length + 1)]
    assert shares[0] == pytest.approx(initial)
    assert shares[-1] == pytest.approx(final)
    assert schedule.share(begin + length + 99) == pytest.approx(final)
    assert (np.diff(shares) >= -1e-12).all()
    middle = begin + length / 2
    assert PruningSchedule(final, begin, begin + length, initial=initial, power=3).share(
        middle
    ) == pytest.approx(final - (final - initial) / 8)
    linear = PruningSchedule(final, begin, begin + length, initial=initial, power=1)
    assert linear.share(middle) == pytest.approx((initial + final) / 2)


def test_masks_are_due_at_begin_end_and_every_so_often():
    schedule = PruningSchedule(0.5, 3, 14, every=5)
    assert [t for t in range(30) if schedule.due(t)] == [3, 8, 13, 14]


@pytest.mark.parametrize("wrong", [{"begin": 9}, {"every": 0}, {"power": 0}, {"final": 1}])
def test_impossible_schedules_are_refused(wrong):
    with pytest.raises(InputError):
        PruningSchedule(**{"final": 0.5, "begin": 0, "end": 9, **wrong})
