"""Networks with fewer channels against large ones whose channels are silent."""

from __future__ import annotations

import copy

import pytest
import torch
from compression.support import tiny_network
from torch import Tensor, nn

from RegQCLib.compression.channel_pruning import prune_channels, silence_channels
from RegQCLib.compression.layers import fit_channels, parameter_count
from RegQCLib.errors import InputError
from RegQCLib.qc.networks.matcher import Matcher, MatcherSettings
from RegQCLib.qc.networks.slice_classifier import ClassifierSettings, SliceClassifier


class Branches(nn.Module):
    """A sum, a concatenation and a transposed convolution, as in U-Nets with residual blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 16, 3, padding=1)
        self.left = nn.Conv2d(16, 16, 3, padding=1)
        self.down = nn.Conv2d(16, 24, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(24, 8, 2, stride=2)
        self.last = nn.Conv2d(24, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        first = torch.relu(self.first(x))
        both = torch.relu(first + self.left(first))
        up = torch.relu(self.up(torch.relu(self.down(both))))
        return self.last(torch.cat([up, both], dim=1))


def shaken(network: nn.Module) -> nn.Module:
    """Normalizations that are no identities."""
    torch.manual_seed(1)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.uniform_(-0.2, 0.2)
            layer.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.uniform_(layer.bias, -0.3, 0.3)
    return network.eval()


NETWORKS = {
    "chain": (tiny_network, (3, 2, 8, 8), ("8",)),
    "branches": (Branches, (3, 1, 8, 8), ("last",)),
    "classifier": (
        lambda: SliceClassifier(ClassifierSettings(width=4)),
        (2, 2, 32, 32),
        ("network.fc",),
    ),
    "matcher": (
        lambda: Matcher(MatcherSettings(width=4, features=6, radius=2)),
        (2, 2, 16, 16),
        ("encoder.head",),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_small_network_answers_as_the_silenced_one(name):
    make, shape, fixed = NETWORKS[name]
    torch.manual_seed(0)
    network, images = shaken(make()), torch.rand(shape)
    small = copy.deepcopy(network)
    gone = prune_channels(small, small, (images,), 0.5, fixed=fixed, multiple=2)
    assert gone
    assert parameter_count(small) < 0.45 * parameter_count(network)
    with torch.inference_mode():
        before = network(images)
        silence_channels(network, gone)
        wanted = network(images)
        torch.testing.assert_close(small(images), wanted, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(before, wanted, atol=1e-4)


def test_the_smallest_norms_go():
    network = nn.Sequential(nn.Conv2d(1, 6, 1, bias=False), nn.Conv2d(6, 1, 1))
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([5.0, -1, 4, 0.5, -6, 3]).view(6, 1, 1, 1))
    gone = prune_channels(
        network, network, (torch.rand(1, 1, 4, 4),), 0.5, fixed=("1",), multiple=1
    )
    assert gone == {"0": [1, 3, 5]}
    assert network[0].weight.flatten().tolist() == [5, 4, -6]
    assert (network[0].out_channels, network[1].in_channels) == (3, 3)


@pytest.mark.parametrize(("share", "multiple", "kept"), [(0.5, 8, 8), (0.3, 4, 12), (0.95, 4, 4)])
def test_counts_are_rounded_up(share, multiple, kept):
    network = nn.Sequential(nn.Conv2d(1, 16, 1), nn.Conv2d(16, 1, 1))
    images = torch.rand(1, 1, 4, 4)
    prune_channels(network, network, (images,), share, fixed=("1",), multiple=multiple)
    assert network[0].out_channels == kept


@pytest.mark.parametrize("name", NETWORKS)
def test_a_fresh_network_takes_the_weights_of_a_smaller_one(name):
    make, shape, fixed = NETWORKS[name]
    small, images = shaken(make()), torch.rand(shape)
    prune_channels(small, small, (images,), 0.5, fixed=fixed, multiple=2)
    fresh = make().eval()
    fit_channels(fresh, small.state_dict())
    fresh.load_state_dict(small.state_dict())
    with torch.inference_mode():
        torch.testing.assert_close(fresh(images), small(images))
    assert str(fresh) == str(small)


def test_wrong_words_are_refused():
    network, images = tiny_network(), torch.rand(1, 2, 8, 8)
    with pytest.raises(InputError, match="layer head does not exist"):
        prune_channels(network, network, (images,), 0.5, fixed=("head",))
    with pytest.raises(InputError, match="share to prune"):
        prune_channels(network, network, (images,), 1.0)
    with pytest.raises(InputError, match="multiple"):
        prune_channels(network, network, (images,), 0.5, multiple=0)
