"""Registration networks through a whole plan, and channels of every published network."""

from __future__ import annotations

import csv
import logging

import nibabel
import numpy as np
import pytest
import torch
from torch import nn

from RegQCLib.compression import compress as compress_module
from RegQCLib.compression.channel_pruning import prune_channels, silence_channels
from RegQCLib.compression.compress import compress
from RegQCLib.compression.layers import parameter_count
from RegQCLib.compression.model_files import (
    Displacement,
    build,
    deployed,
    read_model,
    write_model,
)
from RegQCLib.compression.registration_targets import answering_layers, registration_target
from RegQCLib.compression.static_int8 import convert_openvino
from RegQCLib.errors import InputError
from RegQCLib.progress import silent
from RegQCLib.registration.networks.contrast_agnostic import ContrastAgnostic
from RegQCLib.registration.networks.model_file import load_model
from RegQCLib.training.registration.config import load_config
from RegQCLib.training.registration.image_pairs import ImagePairs

NETWORK = {"encoder": [8, 8], "decoder": [8, 8, 8]}
CONFIG = """
name = "tiny"
[network]
name = "voxelmorph-1"
[data]
source = "folder"
path = "{folder}"
images = "{{subject}}_t1.nii.gz"
labels = "{{subject}}_seg.nii.gz"
validation_pairs = 1
[preprocessing]
crop = false
[loss]
dice = 1.0
[training]
steps = 5
learning_rate = 1e-3
"""
PLAN = """
[training]
config = "{config}"
[measure]
threads = 1
repeats = 1
[choose]
loss = 1.0
[[step]]
do = "prune"
[[step]]
do = "fine-tune"
steps = 1
learning_rate = 1e-3
[[step]]
do = "prune-channels"
share = 0.5
multiple = 2
[[step]]
do = "distill"
steps = 1
learning_rate = 1e-3
[[step]]
name = "onnx8"
do = "export"
form = "onnx-int8"
calibration = 1
[[step]]
name = "openvino8"
do = "export"
form = "openvino-int8"
calibration = 1
"""


@pytest.fixture
def folder(tmp_path):
    """A model, a plan, and boxes of two tissues at different places."""
    rng = np.random.default_rng(0)
    for n in range(4):
        i, j, k = rng.integers(0, 4, 3)
        labels = np.zeros((16, 12, 16))
        labels[2 + i : 10 + i, 2 + j : 7 + j, 2 + k : 10 + k] = 1
        labels[3 + i : 6 + i, 3 + j : 5 + j, 3 + k : 7 + k] = 2
        image = 100 * labels + rng.normal(0, 5, labels.shape)
        for name, values in (("t1", image), ("seg", labels)):
            file = tmp_path / f"{n}_{name}.nii.gz"
            nibabel.save(nibabel.Nifti1Image(values.astype(np.float32), np.eye(4)), file)
    torch.manual_seed(0)
    module = build("voxelmorph-1", NETWORK)
    nn.init.normal_(module.flow.weight, std=0.05)
    described = {"network": "voxelmorph-1", "settings": NETWORK, "preprocessing": {}, "about": {}}
    write_model(tmp_path / "m.npz", module, described, 32)
    (tmp_path / "c.toml").write_text(CONFIG.format(folder=tmp_path.as_posix()))
    (tmp_path / "p.toml").write_text(PLAN.format(config=(tmp_path / "c.toml").as_posix()))
    return tmp_path


def test_a_registration_network_goes_through_a_plan(folder, monkeypatch):
    monkeypatch.setattr(compress_module, "peak_memory_mb", lambda *_: 50.0)
    compress(folder / "m.npz", folder / "p.toml", folder / "out")
    with (folder / "out" / "points.csv").open(newline="") as stream:
        rows = {row["name"]: row for row in csv.DictReader(stream)}
    assert list(rows) == [
        "original",
        "prune",
        "fine-tune",
        "prune-channels",
        "distill",
        "onnx8",
        "openvino8",
    ]
    assert all(0 < float(row["metric"]) <= 1 for row in rows.values())
    for name in ("onnx8", "openvino8"):
        assert float(rows[name]["metric"]) == pytest.approx(
            float(rows["distill"]["metric"]), abs=0.05
        )
    exported = load_model(folder / "out" / "points" / "openvino8" / "model.xml")
    assert exported.name == "voxelmorph-1"
    image = torch.rand(1, 1, 32, 16, 16)
    assert exported.network(image, image).displacement.shape == (1, 3, 32, 16, 16)
    small = read_model(folder / "out" / "points" / "distill" / "model.npz")
    assert small.described["preprocessing"] == {}
    assert parameter_count(small.module) < 0.5 * int(rows["original"]["parameters"])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[training]\nconfig", "[training]\ndata", "needs its training data"),
        ("c.toml", "none.toml", "no such training configuration"),
    ],
)
def test_data_that_is_missing_is_one_line(folder, old, new, said):
    text = (folder / "p.toml").read_text()
    (folder / "p.toml").write_text(text.replace(old, new))
    with pytest.raises(InputError, match=said) as caught:
        compress(folder / "m.npz", folder / "p.toml", folder / "out")
    assert "\n" not in str(caught.value)


def test_a_configuration_of_another_network_is_one_line(folder):
    text = (folder / "c.toml").read_text()
    (folder / "c.toml").write_text(text.replace("voxelmorph-1", "voxelmorph-2"))
    with pytest.raises(InputError, match="trains voxelmorph-2 and the model is voxelmorph-1"):
        compress(folder / "m.npz", folder / "p.toml", folder / "out")


SMALL = {
    "voxelmorph-1": (NETWORK, 16),
    "voxelmorph-2": ({"encoder": [8, 8], "decoder": [8, 8, 8, 4, 4]}, 16),
    "voxelmorph-diff": ({"encoder": [8, 8], "decoder": [8, 8, 4], "squarings": 2}, 16),
}


@pytest.mark.parametrize("name", SMALL)
def test_channels_of_registration_networks_go_without_other_effects(name):
    settings, side = SMALL[name]
    torch.manual_seed(0)
    network = build(name, settings).eval()
    nn.init.normal_(network.flow.weight, std=0.05)
    images = tuple(torch.rand(1, 1, side, side, side) for _ in range(2))
    assert answering_layers(network) == ("flow",)
    small = build(name, settings).eval()
    small.load_state_dict(network.state_dict())
    gone = prune_channels(
        small, deployed(name, small), images, 0.5, fixed=answering_layers(network), multiple=2
    )
    assert parameter_count(small) < 0.5 * parameter_count(network)
    silence_channels(network, gone)
    with torch.inference_mode():
        wanted = deployed(name, network)(*images)
        torch.testing.assert_close(deployed(name, small)(*images), wanted, rtol=1e-3, atol=1e-4)


def test_channels_that_are_split_are_one_line():
    network = ContrastAgnostic().eval()
    images = tuple(torch.rand(1, 1, *[network.divisor] * 3) for _ in range(2))
    with pytest.raises(InputError, match="give a student") as caught:
        prune_channels(network, Displacement(network), images, 0.5)
    assert "\n" not in str(caught.value)


def test_what_openvino_lacks_is_one_line():
    network = deployed("voxelmorph-diff", build("voxelmorph-diff", SMALL["voxelmorph-diff"][0]))
    images = tuple(torch.rand(1, 1, 8, 8, 8) for _ in range(2))
    root = logging.getLogger()
    before = root.level, list(root.filters), list(root.handlers)
    with pytest.raises(InputError, match="grid_sample") as caught:
        convert_openvino(network, images)
    assert "\n" not in str(caught.value)
    assert (root.level, root.filters, root.handlers) == before


def test_fine_tuning_goes_on_with_the_pairs_and_the_precision_of_training(folder):
    asked = "precision = 'bf16'\n[augmentation]\naffine = 0.2\n"
    (folder / "c.toml").write_text((folder / "c.toml").read_text() + asked)
    config = load_config(folder / "c.toml")
    target = registration_target(read_model(folder / "m.npz"), config, folder=folder)
    source = ImagePairs(config, axes=3, divisor=4, cache=folder, progress=silent)
    still = source.training_pair(config.training.steps, 0)
    batch = target.draw(0)
    moved = (batch.fixed - still.fixed).abs()
    assert 0.01 < float(moved.mean()) < 1  # moved as in training, and the same pair
    assert torch.equal(batch.fixed, target.draw(0).fixed)
    assert not torch.equal(batch.fixed, target.draw(1).fixed)
    seen = []
    target.module.flow.register_forward_hook(lambda *found: seen.append(found[2].dtype))
    value = target.loss(target.module.train(), batch)
    assert value.dtype == torch.float32
    assert seen == [torch.bfloat16]
