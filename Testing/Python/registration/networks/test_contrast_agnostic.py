"""The contrast-agnostic network: its size, what it cannot see, that it learns and does not fold."""

from __future__ import annotations

import pytest
import torch
from registration.networks.network_support import blobs, losses_of_overfit, untouched

from RegQCLib.geometry.warp_torch import identity
from RegQCLib.registration.networks.contrast_agnostic import (
    NEIGHBORS,
    ContrastAgnostic,
    ContrastAgnosticSettings,
    blocks,
    correlation,
    edges,
    likest,
)
from RegQCLib.registration.networks.registry import build_network

SMALL = {"stem": 4, "features": [6, 8], "hidden": [8, 8]}


def test_parameters_are_as_many_as_the_settings_make():
    def convolution(inputs: int, outputs: int, cells: int = 27) -> int:
        return cells * inputs * outputs + outputs

    def level(before: int, features: int, hidden: int) -> int:
        encoder = convolution(before, features) + convolution(features, features)
        body = convolution(27 + 2 * features, hidden) + convolution(hidden, hidden)
        return encoder + convolution(features, features, 1) + body + convolution(hidden, 3)

    expected = convolution(8 + 6, 16) + level(16, 32, 48) + level(32, 48, 64) + level(48, 64, 64)
    assert sum(p.numel() for p in ContrastAgnostic().parameters()) == expected


def test_a_prediction_has_the_size_of_the_images_and_features_while_training():
    network = ContrastAgnostic(ContrastAgnosticSettings(4, (6, 8), (8, 8)))
    images = torch.rand(2, 2, 1, 16, 24, 32)
    found = network(*images)
    assert found.displacement.shape == (2, 3, 16, 24, 32)
    assert [one.shape[2:] for one in found.levels] == [(2, 3, 4), (4, 6, 8)]
    shapes = [tuple(one.shape) for pair in found.features for one in pair]
    assert shapes == [(2, 8, 2, 3, 4)] * 2 + [(2, 6, 4, 6, 8)] * 2
    assert torch.allclose(found.features[1][0].norm(dim=1), torch.ones(()), atol=1e-3)
    assert network.eval()(*images).features == ()


def test_equal_images_begin_with_hardly_any_motion():
    torch.manual_seed(0)
    network = ContrastAgnostic(ContrastAgnosticSettings(4, (6, 8), (8, 8)))
    image = torch.rand(1, 1, 16, 24, 32)
    assert float(network(image, image).levels[0].detach().abs().max()) < 0.3


def test_motion_goes_where_the_likest_neighbor_is():
    likeness = torch.zeros(1, 27, 4, 4, 4)
    likeness[:, NEIGHBORS.index((1, 0, -1))] = 1
    expected = likest(likeness)[0, :, 1, 1, 1]
    assert torch.allclose(expected, torch.tensor([1.0, 0.0, -1.0]), atol=0.01)
    assert float(likest(0 * likeness).abs().max()) < 1e-6


def test_every_parameter_gets_a_gradient():
    network = build_network("contrast-agnostic", SMALL)
    assert untouched(network, blobs((16, 16, 16))) == []


def test_it_learns_a_pair():
    torch.manual_seed(0)
    losses = losses_of_overfit(build_network("contrast-agnostic", SMALL), blobs((24,) * 3, 2.0), 60)
    assert losses[-1] < 0.3 * losses[0]


def test_a_composition_of_flows_does_not_fold():
    torch.manual_seed(0)
    network = build_network("contrast-agnostic", SMALL)
    with torch.no_grad():
        for decoder in network.decoders:
            decoder.velocity.weight.normal_(std=0.03)
        pair = torch.rand(2, 1, 1, 32, 32, 32)
        level = network(*pair).levels[-1]
    assert float(level.abs().max()) > 0.3
    points = (identity(level.shape[2:], level) + level)[0]
    slopes = [points.diff(dim=axis)[:, :7, :7, :7] for axis in (1, 2, 3)]
    jacobian = torch.stack(slopes, dim=1).permute(2, 3, 4, 0, 1)
    assert float(torch.linalg.det(jacobian).min()) > 0


def test_edges_know_neither_the_sign_nor_the_height_of_a_contrast():
    image = blobs((16, 16, 16))[0]
    assert torch.allclose(edges(image), edges(1 - image), atol=1e-5)
    steep = edges(100 * image)  # where the noise floor counts for nothing
    assert torch.allclose(steep, edges(50 * image), atol=1e-3)
    assert float(steep.abs().max()) > 0.1


def test_edges_run_across_the_axis_along_which_intensity_changes():
    ramp = torch.arange(16.0).view(1, 1, 16, 1, 1).expand(1, 1, 16, 16, 16) / 16
    inner = edges(ramp)[0, :, 3:5, 3:5, 3:5]
    assert torch.allclose(inner[0], torch.ones(()), atol=0.05)
    assert float(inner[1:].abs().max()) < 1e-6


def test_correlation_is_the_product_with_every_neighbor():
    fixed, moved = torch.rand(2, 1, 5, 4, 6, 7)
    found = correlation(fixed, moved)
    for channel, shift in ((13, (0, 0, 0)), (0, (-1, -1, -1)), (14, (0, 0, 1)), (22, (1, 0, 0))):
        rolled = torch.roll(moved, [-step for step in shift], (2, 3, 4))
        expected = (fixed * rolled).sum(1)[0, 1:-1, 1:-1, 1:-1]
        assert torch.allclose(found[0, channel, 1:-1, 1:-1, 1:-1], expected, atol=1e-6)


def test_blocks_keep_every_voxel():
    image = torch.arange(64.0).view(1, 1, 4, 4, 4)
    found = blocks(image)
    assert found.shape == (1, 8, 2, 2, 2)
    expected = sorted(image[0, 0, 2:, :2, 2:].flatten().tolist())
    assert sorted(found[0, :, 1, 0, 1].tolist()) == expected


@pytest.mark.parametrize("settings", [{"features": [8]}, {"width": 3}])
def test_settings_that_do_not_fit_are_refused(settings):
    from RegQCLib.errors import InputError

    with pytest.raises(InputError):
        build_network("contrast-agnostic", settings)
