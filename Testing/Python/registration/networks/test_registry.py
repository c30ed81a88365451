"""Networks by name."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from RegQCLib.errors import InputError
from RegQCLib.registration.networks.registry import NETWORKS, build_network


@pytest.mark.parametrize("name", NETWORKS)
def test_settings_survive_a_file(name):
    network = build_network(name, {})
    stored = json.loads(json.dumps(asdict(network.settings)))
    assert build_network(name, stored).settings == network.settings == NETWORKS[name][0]()


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("voxelmorph", {}, "one of voxelmorph-1, "),
        ("voxelmorph-1", {"depth": 3}, "voxelmorph-1: unknown settings depth; known are axes"),
        ("voxelmorph-1", {"axes": 4}, "voxelmorph-1: axes"),
        ("voxelmorph-1", {"encoder": 3}, "voxelmorph-1: settings of a wrong type"),
        ("voxelmorph-1", {"encoder": ["a"]}, "whole numbers"),
    ],
)
def test_what_is_no_network_is_told(name, settings, words):
    with pytest.raises(InputError, match=words) as caught:
        build_network(name, settings)
    assert "\n" not in str(caught.value)
