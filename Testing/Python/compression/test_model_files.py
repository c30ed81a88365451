"""Files of every kind of model, whole and with fewer channels, and files that are none."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from RegQCLib.compression.channel_pruning import prune_channels
from RegQCLib.compression.model_files import build, deployed, read_model, write_model
from RegQCLib.errors import InputError
from RegQCLib.registration.networks.model_file import FEWER_CHANNELS, load_model
from RegQCLib.weights_io import save_weights

SMALL = {
    "slice_classifier": ({"width": 4}, ((2, 2, 32, 32),), ("network.fc",)),
    "matcher": (
        {"width": 8, "features": 6, "radius": 2},
        ((2, 2, 16, 16),),
        ("encoder.head",),
    ),
    "voxelmorph-1": (
        {"axes": 2, "encoder": [4, 8], "decoder": [8, 8, 4]},
        ((1, 1, 16, 16), (1, 1, 16, 16)),
        ("flow",),
    ),
}


def described(kind: str) -> dict:
    settings = SMALL[kind][0]
    if kind != "voxelmorph-1":
        return settings
    return {"network": kind, "settings": settings, "preprocessing": {}, "about": {"by": "test"}}


@pytest.mark.parametrize("kind", SMALL)
@pytest.mark.parametrize("fewer", [False, True])
def test_networks_come_back_as_they_were_written(tmp_path, kind, fewer):
    settings, shapes, fixed = SMALL[kind]
    torch.manual_seed(0)
    module = build(kind, settings).eval()
    inputs = tuple(torch.rand(shape) for shape in shapes)
    if fewer:
        prune_channels(module, deployed(kind, module), inputs, 0.5, fixed=fixed, multiple=2)
    write_model(tmp_path / "m.npz", module, described(kind), 32)
    read = read_model(tmp_path / "m.npz")
    marked = {FEWER_CHANNELS: True} if fewer and kind == "voxelmorph-1" else {}
    assert (read.kind, read.described) == (kind, described(kind) | marked)
    assert read.settings == settings
    assert read.registers == (kind == "voxelmorph-1")
    with torch.inference_mode():
        torch.testing.assert_close(
            deployed(kind, read.module)(*inputs), deployed(kind, module)(*inputs)
        )
        if read.registers:  # with it, too
            found = load_model(tmp_path / "m.npz").network
            torch.testing.assert_close(found(*inputs).displacement, module(*inputs).displacement)


@pytest.mark.parametrize("damage", ["missing", "text", "other weights", "no network", "settings"])
def test_what_is_no_model_is_one_line(tmp_path, damage):
    file = tmp_path / "m.npz"
    if damage == "text":
        file.write_text("a model")
    elif damage == "other weights":
        save_weights(file, {"w": np.zeros((3, 3))}, {"width": 4})
    elif damage == "no network":
        save_weights(file, {"w": np.zeros((3, 3))}, {"depth": 4})
    elif damage == "settings":
        save_weights(file, {"w": np.zeros((3, 3))}, {"network": "voxelmorph-9", "settings": {}})
    with pytest.raises(InputError) as caught:
        read_model(file)
    assert "\n" not in str(caught.value)
    if damage != "settings":
        assert str(file) in str(caught.value)
