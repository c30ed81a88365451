"""LocalNet, GlobalNet and both in a row."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.networks.nets import GlobalNet as MonaiGlobalNet
from monai.networks.nets import LocalNet as MonaiLocalNet
from registration.networks.network_support import blobs, losses_of_overfit, reach, untouched
from scipy.ndimage import affine_transform

from RegQCLib.errors import InputError
from RegQCLib.geometry.warp_torch import identity, warp
from RegQCLib.registration.networks.global_net import GlobalNet, GlobalNetSettings, cell_means
from RegQCLib.registration.networks.label_reg import LabelReg, LabelRegSettings
from RegQCLib.registration.networks.local_net import LocalNet, LocalNetSettings
from RegQCLib.registration.networks.registry import build_network

SMALL = {
    "localnet": {"channels": 4, "levels": 2, "summed": [0, 1, 2]},
    "globalnet": {"channels": 4, "levels": 2, "cells": 2},
    "label-reg": {"channels": 4, "global_channels": 4, "levels": 2, "cells": 2},
}


def count(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def encoder(axes: int, counts: list[int]) -> int:
    """Convolutions without bias, two numbers a channel of normalization; ``counts``: deep too."""
    total = 2 * counts[0] * (7**axes - 3**axes)  # the first one is wide
    for level, (before, after) in enumerate(zip([2, *counts], counts, strict=False)):
        total += 3**axes * before * after + 2 * after
        if level < len(counts) - 1:
            total += 2 * (3**axes * after**2 + 2 * after)
    return total


@pytest.mark.parametrize("axes", [2, 3])
def test_localnet_has_as_many_parameters_as_its_blocks_make(axes):
    counts, cells = [8, 16, 32, 64, 128], 3**axes
    up = sum(cells * (2 * n * n + 2 * n * n) + 3 * 2 * n for n in counts[:-1])
    fields = sum(cells * n * axes + axes for n in counts)
    network = LocalNet(LocalNetSettings(axes, channels=8))
    assert count(network) == encoder(axes, counts) + up + fields


@pytest.mark.parametrize("axes", [2, 3])
def test_globalnet_has_as_many_parameters_as_its_blocks_make(axes):
    counts = [8, 16, 32, 64, 128]
    dense = (128 * 4**axes + 1) * axes * (axes + 1)
    assert count(GlobalNet(GlobalNetSettings(axes))) == encoder(axes, counts) + dense


def test_counts_are_those_of_monai_but_for_what_it_does_otherwise():
    """Its networks are independent implementations: as wide residual pairs as first convolutions,
    three convolutions where a step up has two, fields without a bias, a residual pair more at the
    coarsest level of GlobalNet."""
    wide = 2 * 4**2 * (7**3 - 3**3)
    up = sum(27 * n * n + 2 * n for n in (4, 8, 16, 32))
    local = MonaiLocalNet(3, 2, 4, (0, 1, 2, 3, 4), out_kernel_initializer="zeros")
    assert count(LocalNet(LocalNetSettings(3, 4))) + wide + up - 5 * 3 == count(local)
    whole = MonaiGlobalNet([64] * 3, 3, 2, 4, depth=4, encode_kernel_sizes=[7, 3, 3, 3, 3])
    deep = 2 * (27 * 64 * 64 + 2 * 64)
    assert count(GlobalNet(GlobalNetSettings(3, 4))) + wide + deep == count(whole)


def seen_by_localnet(row: int, levels: int) -> tuple[int, int]:
    """First and last row that its displacement in one row depends on, worked back by layers."""
    first, last = [], []

    def encoded(level: int, low: int, high: int) -> None:
        """A skip: one convolution, wide at level 0; before it pooling of three of them."""
        for here in range(level, -1, -1):
            reach_here = (3 if here == 0 else 1) + (2 if here < level else 0)
            low, high = low - reach_here, high + reach_here
            if here > 0:
                low, high = 2 * low, 2 * high + 1
        first.append(low)
        last.append(high)

    def decoded(level: int, low: int, high: int) -> None:
        if level == levels:  # one convolution of what was pooled
            encoded(level - 1, 2 * (low - 1) - 2, 2 * (high + 1) + 1 + 2)
            return
        encoded(level, low, high)
        low, high = low - 2, high + 2  # the residual pair
        decoded(level + 1, (low - 1) // 2, (high + 1) // 2)

    for level in range(levels + 1):
        scale = 2**level
        place = (row + 0.5) / scale - 0.5
        low = int(np.floor(place))
        decoded(level, low - 1, int(np.ceil(place)) + 1)
    return min(first), max(last)


@pytest.mark.parametrize("place", [64, 71])
def test_a_row_sees_what_the_layers_of_localnet_let_it_see(place):
    torch.manual_seed(0)
    network = LocalNet(LocalNetSettings(2, channels=8, levels=2, summed=(0, 1, 2))).eval()
    for field in network.fields.values():
        torch.nn.init.normal_(field.weight)
    assert reach(network, 128, 32, place) == seen_by_localnet(place, 2)


def test_globalnet_sees_everything():
    torch.manual_seed(0)
    network = GlobalNet(GlobalNetSettings(2, channels=4, levels=2, cells=2)).eval()
    torch.nn.init.normal_(network.dense.weight)
    assert reach(network, 64, 32, 20) == (0, 63)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("axes", [2, 3])
def test_they_begin_with_no_motion_and_gradients_reach_every_parameter(name, axes):
    pair = blobs((16, 24, 16)[:axes])
    network = build_network(name, {**SMALL[name], "axes": axes})
    assert network(*pair).displacement.abs().max() < 1e-5
    assert untouched(network, pair) == []


@pytest.mark.parametrize(("name", "factor"), [("localnet", 8), ("globalnet", 5), ("label-reg", 4)])
@pytest.mark.parametrize("shape", [(24, 20), (12, 16, 12)])
def test_one_pair_is_learned(name, factor, shape):
    torch.manual_seed(2)
    network = build_network(name, {**SMALL[name], "axes": len(shape)})
    losses = losses_of_overfit(network, blobs(shape), 80)
    assert losses[-1] < losses[0] / factor


def test_the_displacement_of_localnet_is_the_sum_of_its_levels():
    network = build_network("localnet", {**SMALL["localnet"], "axes": 2})
    with torch.no_grad():
        for field in network.fields.values():
            field.weight.normal_()
        prediction = network(*blobs((16, 24)))
    assert [one.shape for one in prediction.levels] == [(1, 2, 16, 24)] * 3
    torch.testing.assert_close(sum(prediction.levels), prediction.displacement)
    assert all(one.abs().max() > 0.01 for one in prediction.levels)


def with_motion(network: GlobalNet, matrix: np.ndarray) -> None:
    """Let a network predict one motion in voxels, (axes, axes + 1), of images of 24 x 16 x 32."""
    half = (np.array([24, 16, 32]) - 1) / 2
    linear = matrix[:, :3] * half / half[:, None]
    shift = (matrix[:, :3] @ half + matrix[:, 3] - half) / half
    values = np.concatenate([linear, shift[:, None]], axis=1)
    with torch.no_grad():
        network.dense.bias.copy_(torch.as_tensor(values, dtype=torch.float32).flatten())


MATRIX = np.array([[0.9, 0.2, 0.1, 0.7], [-0.1, 1.05, 0.0, 2.0], [0.05, -0.2, 1.1, -1.5]])


def test_the_motion_of_globalnet_is_affine():
    network = build_network("globalnet", {**SMALL["globalnet"], "axes": 3})
    with_motion(network, MATRIX)
    _, moving = blobs((24, 16, 32))
    with torch.no_grad():
        moved = warp(moving, network(moving, moving).displacement)[0, 0].numpy()
    expected = affine_transform(
        moving[0, 0].numpy(), MATRIX[:, :3], MATRIX[:, 3], order=1, mode="nearest"
    )
    np.testing.assert_allclose(moved, expected, atol=1e-4)


def test_label_reg_composes_its_motions():
    torch.manual_seed(0)
    network = build_network("label-reg", {**SMALL["label-reg"], "axes": 3}).eval()
    with_motion(network.global_net, MATRIX)
    with torch.no_grad():
        network.local_net.fields["0"].weight.normal_(std=0.5)
        prediction = network(*blobs((24, 16, 32)))
    affine, local = prediction.levels
    assert local.abs().max() > 0.5
    points = (identity(local.shape[2:], local) + local)[0].flatten(1).numpy()
    expected = MATRIX[:, :3] @ points + MATRIX[:, 3:]
    found = identity(local.shape[2:], local) + prediction.displacement
    np.testing.assert_allclose(found[0].flatten(1).numpy(), expected, atol=1e-4)
    assert (prediction.displacement - affine - local).abs().max() > 0.1  # their sum is not that


def test_its_second_network_sees_what_the_first_has_moved(monkeypatch):
    network = LabelReg(LabelRegSettings(3, 4, 4, levels=2, cells=2)).eval()
    with_motion(network.global_net, MATRIX)
    fixed, moving = blobs((24, 16, 32))
    seen = []
    forward = network.local_net.forward
    monkeypatch.setattr(
        network.local_net, "forward", lambda a, b: seen.extend((a, b)) or forward(a, b)
    )
    with torch.no_grad():
        affine = network(fixed, moving).levels[0]
    torch.testing.assert_close(seen[0], fixed)
    torch.testing.assert_close(seen[1], warp(moving, affine))


def test_images_of_other_sizes_are_taken():
    for name, settings in SMALL.items():
        network = build_network(name, {**settings, "axes": 2})
        assert network(*blobs((20, 36))).displacement.shape == (1, 2, 20, 36)


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("localnet", {"summed": [0, 5]}, "localnet: summed: different levels from 0 to 4"),
        ("localnet", {"summed": []}, "localnet: summed"),
        ("globalnet", {"cells": 0}, "globalnet: channels, levels and cells"),
        ("label-reg", {"levels": 1.5}, "label-reg: channels, levels and cells"),
        ("label-reg", {"summed": [0, 0]}, "label-reg: summed"),
    ],
)
def test_settings_that_make_no_network_are_refused(name, settings, words):
    with pytest.raises(InputError, match=words):
        build_network(name, settings)


@pytest.mark.parametrize("shape", [(4, 8, 5), (3, 2, 7), (6, 9)])
def test_means_of_cells_are_those_of_torch(shape):
    values = torch.rand(2, 3, *shape)
    pool = torch.nn.functional.adaptive_avg_pool3d
    if len(shape) == 2:
        pool = torch.nn.functional.adaptive_avg_pool2d
    torch.testing.assert_close(cell_means(values, 4), pool(values, 4))
