"""Model files: what comes back, and what is refused."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
import torch
from registration.networks.network_support import blobs

from RegQCLib.errors import InputError
from RegQCLib.registration.networks.model_file import load_model, save_model
from RegQCLib.registration.networks.preprocessing import ImagePreprocessing
from RegQCLib.registration.networks.registry import build_network
from RegQCLib.weights_io import save_weights

SMALL = {"axes": 2, "encoder": [4, 4], "decoder": [4, 4, 4, 4]}
PREPARED = ImagePreprocessing(spacing_mm=1.5, clip=None, size=(16, 20))


def written(path, **changes):
    network = build_network("voxelmorph-1", SMALL)
    with torch.no_grad():
        network.flow.weight.normal_(std=0.2)
    values = {
        "network": "voxelmorph-1",
        "settings": asdict(network.settings),
        "state": network.state_dict(),
        "preprocessing": PREPARED,
        "about": {"steps": 7, "data": "shapes"},
    }
    save_model(path, **values | changes)
    return network


@pytest.mark.parametrize(("bits", "close"), [(32, 0), (16, 5e-3), (8, 5e-2)])
def test_a_model_predicts_the_same_after_a_round_trip(tmp_path, bits, close):
    torch.manual_seed(0)
    network = written(tmp_path / "model.npz", bits=bits)
    model = load_model(tmp_path / "model.npz")
    assert (model.name, model.preprocessing) == ("voxelmorph-1", PREPARED)
    assert model.about == {"steps": 7, "data": "shapes"}
    assert model.network.settings == network.settings
    assert not model.network.training
    with torch.no_grad():
        fields = [one(*blobs((16, 20))).displacement for one in (network, model.network)]
    assert (fields[0] - fields[1]).abs().max() <= close * fields[0].abs().max()


def test_what_is_no_model_is_refused(tmp_path):
    path = tmp_path / "model.npz"
    with pytest.raises(InputError, match="no such model file; give one"):
        load_model(path)
    path.write_bytes(b"PK not really")
    with pytest.raises(InputError, match="damaged"):
        load_model(path)
    save_weights(path, {"a": np.ones((2, 2))}, {"width": 3})
    with pytest.raises(InputError, match="no model of a registration"):
        load_model(path)
    for changes, words in (
        ({"network": "voxelmorph-9"}, r"model\.npz: a network is one of"),
        ({"settings": {**SMALL, "encoder": [4, 5]}}, "do not fit the network voxelmorph-1"),
        ({"settings": {"depth": 1}}, r"model\.npz: network voxelmorph-1: unknown settings depth"),
    ):
        written(path, **changes)
        with pytest.raises(InputError, match=words) as caught:
            load_model(path)
        assert "\n" not in str(caught.value)


def test_a_diverged_network_is_not_written(tmp_path):
    network = build_network("voxelmorph-1", SMALL)
    state = {key: values * float("nan") for key, values in network.state_dict().items()}
    with pytest.raises(InputError, match="not finite"):
        written(tmp_path / "m.npz", state=state)
    assert not list(tmp_path.iterdir())
