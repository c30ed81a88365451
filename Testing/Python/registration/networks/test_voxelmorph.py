"""VoxelMorph: the published sizes, what it sees, that it learns, and that a flow does not fold."""

from __future__ import annotations

import pytest
import torch
from registration.networks.network_support import blobs, losses_of_overfit, reach, untouched

from RegQCLib.errors import InputError
from RegQCLib.geometry.warp_torch import identity
from RegQCLib.registration.networks.registry import build_network
from RegQCLib.registration.networks.voxelmorph import VoxelMorph, VoxelMorphSettings

SMALL = {"encoder": [4, 8], "decoder": [8, 8, 4, 4]}  # half the depth: quick


def convolutions(pairs: list[tuple[int, int]], cells: int) -> int:
    return sum(cells * inputs * outputs + outputs for inputs, outputs in pairs)


ENCODER = [(2, 16), (16, 32), (32, 32), (32, 32)]
DECODER = [(32, 32), (64, 32), (64, 32), (48, 32)]  # the last three join skips of 32, 32, 16
FULL = {
    "voxelmorph-1": [(32, 8), (8 + 2, 8)],
    "voxelmorph-2": [(32, 32), (32 + 2, 16), (16, 16)],
    "voxelmorph-diff": [(32, 16)],
}


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("name", FULL)
def test_parameters_are_as_many_as_the_published_channels_make(name, axes):
    network = build_network(name, {"axes": axes})
    last = FULL[name][-1][1]
    expected = convolutions([*ENCODER, *DECODER, *FULL[name], (last, axes)], 3**axes)
    assert sum(p.numel() for p in network.parameters()) == expected


def test_voxelmorph_1_has_259675_parameters():
    assert sum(p.numel() for p in VoxelMorph().parameters()) == 259_675


def seen(row: int, *, full: int) -> tuple[int, int]:
    """First and last row that the default U-Net looks at, worked back layer by layer.

    full: convolutions at full resolution, that of the flow included. There are 2 at half and 1 at
    each coarser one; the skips join where doubling has just taken place.
    """
    low, high = row - full, row + full
    first, last = [low], [high]
    for level, count in enumerate((2, 1, 1, 1), start=1):
        low, high = low // 2 - count, high // 2 + count
        # up through ``level`` convolutions of 3 rows and stride 2
        first.append(low * 2**level - (2**level - 1))
        last.append(high * 2**level + (2**level - 1))
    return min(first), max(last)


@pytest.mark.parametrize(("name", "full"), [("voxelmorph-1", 2), ("voxelmorph-2", 3)])
@pytest.mark.parametrize("place", [128, 135])
def test_a_row_sees_what_the_layers_let_it_see(name, full, place):
    torch.manual_seed(0)
    network = build_network(name, {"axes": 2})
    assert reach(network, 256, 16, place) == seen(place, full=full)


@pytest.mark.parametrize("name", FULL)
@pytest.mark.parametrize("axes", [2, 3])
def test_gradients_reach_every_parameter(name, axes):
    network = build_network(name, {"axes": axes})
    assert untouched(network, blobs((16, 32, 16)[:axes])) == []


@pytest.mark.parametrize("settings", [SMALL, {**SMALL, "decoder": [8, 8, 4], "squarings": 5}])
@pytest.mark.parametrize("shape", [(24, 20), (12, 16, 12)])
def test_one_pair_is_learned(settings, shape):
    torch.manual_seed(0)
    network = build_network("voxelmorph-1", {**settings, "axes": len(shape)})
    losses = losses_of_overfit(network, blobs(shape), 80)
    assert losses[-1] < losses[0] / 8


def test_it_begins_where_the_images_lie():
    torch.manual_seed(0)
    for name in FULL:
        field = build_network(name, {"axes": 2})(*blobs((16, 32))).displacement
        assert field.shape == (1, 2, 16, 32)
        assert 0 < field.abs().max() < 1e-2


def determinants(displacement: torch.Tensor) -> torch.Tensor:
    """Of the map x -> x + u(x), (N, 2, H, W), in every cell of four voxels."""
    map_ = identity(displacement.shape[2:], displacement) + displacement
    row = map_[:, :, 1:, :-1] - map_[:, :, :-1, :-1]
    column = map_[:, :, :-1, 1:] - map_[:, :, :-1, :-1]
    return row[:, 0] * column[:, 1] - row[:, 1] * column[:, 0]


def test_a_flow_does_not_fold_where_its_velocity_as_displacement_would():
    torch.manual_seed(0)
    network = build_network("voxelmorph-diff", {"axes": 2})
    with torch.no_grad():
        network.flow.weight.normal_(std=0.45)
        network.flow.bias.zero_()
        prediction = network(*blobs((48, 64)))
    assert prediction.velocity is not None
    assert prediction.velocity.shape == (1, 2, 24, 32)
    assert (determinants(prediction.velocity) <= 0).any()
    assert (determinants(prediction.displacement) > 0).all()


def test_the_flow_at_half_resolution_counts_twice_as_many_voxels():
    network = VoxelMorph(VoxelMorphSettings(2, (4,), (4, 4), squarings=2))
    with torch.no_grad():
        network.flow.weight.zero_()
        network.flow.bias.copy_(torch.tensor([0.5, -1.0]))
        prediction = network(*blobs((8, 12)))
    torch.testing.assert_close(prediction.displacement[0, :, 3, 5], torch.tensor([1.0, -2.0]))


def test_what_it_cannot_take_is_refused():
    network = VoxelMorph(VoxelMorphSettings(2))
    with pytest.raises(InputError, match="multiples of 16"):
        network(*blobs((16, 40)))
    with pytest.raises(InputError, match="two images"):
        network(*blobs((16, 16, 16)))
    for changes in ({"axes": 4}, {"encoder": ()}, {"decoder": (8, 0, 8, 8, 8)}, {"squarings": -1}):
        with pytest.raises(InputError):
            VoxelMorphSettings(**changes)
