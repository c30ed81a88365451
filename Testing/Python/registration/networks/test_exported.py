"""Networks that OpenVINO runs: they answer as in torch, for any size, and damage is told."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from RegQCLib.compression.model_files import deployed
from RegQCLib.compression.static_int8 import convert_openvino, save_openvino
from RegQCLib.errors import InputError
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCLib.hashing import sha256_of
from RegQCLib.registration.learned import prediction_bytes, register_learned
from RegQCLib.registration.networks.exported import (
    PRECISION,
    ExportedNetwork,
    describe,
    torch_layers,
)
from RegQCLib.registration.networks.model_file import load_model, save_model
from RegQCLib.registration.networks.preprocessing import ImagePreprocessing
from RegQCLib.registration.networks.registry import build_network
from RegQCLib.registration.steps import Order, learned

PREPROCESSING = {"spacing_mm": 2.0}


@pytest.fixture
def files(tmp_path):
    """One network of random weights: ``m.npz`` for torch, ``f32.xml`` and ``bf16.xml``."""
    torch.manual_seed(0)
    network = build_network("voxelmorph-2", {}).eval()
    with torch.no_grad():
        for values in network.parameters():
            values.normal_(0, 0.05)
    save_model(
        tmp_path / "m.npz",
        network="voxelmorph-2",
        settings={},
        state=network.state_dict(),
        preprocessing=ImagePreprocessing(**PREPROCESSING),
        about={"name": "random"},
    )
    described = {"network": "voxelmorph-2", "settings": {}, "about": {"name": "random"}}
    images = (torch.rand(1, 1, 32, 32, 32), torch.rand(1, 1, 32, 32, 32))
    for precision in ("f32", "bf16"):
        model = convert_openvino(deployed("voxelmorph-2", network), images)
        describe(model, {**described, "preprocessing": PREPROCESSING, PRECISION: precision})
        save_openvino(model, tmp_path / f"{precision}.xml")
    return tmp_path


def volumes(shape):
    rng = np.random.default_rng(1)
    affine = np.diag([-2.0, 2.0, 2.0, 1.0])
    return [Volume(rng.random(shape).astype(np.float32), affine) for _ in range(2)]


@pytest.mark.parametrize(("precision", "tolerance"), [("f32", 1e-3), ("bf16", 0.05)])
def test_exported_networks_register_as_in_torch(files, precision, tolerance):
    exported, plain = load_model(files / f"{precision}.xml"), load_model(files / "m.npz")
    assert (exported.name, exported.preprocessing) == (plain.name, plain.preprocessing)
    assert exported.about == {"name": "random"}
    for shape in ((40, 33, 50), (20, 48, 36), (40, 33, 50)):
        fixed, moving = volumes(shape)
        found, truth = (
            register_learned(fixed, moving, one).transform.array for one in (exported, plain)
        )
        assert np.abs(truth).max() > 5 * tolerance
        np.testing.assert_allclose(found, truth, atol=tolerance)


def test_a_step_names_its_engine_and_the_file_that_holds_the_weights(files):
    file = files / "f32.xml"
    order = Order(*volumes((40, 33, 50)), weights=file)
    found = learned(order, load_model(file), Affine(np.eye(4)), lambda *_: None)
    assert found.metrics["engine"] == "openvino"
    assert found.metrics["weights_sha256"] == sha256_of(files / "f32.bin")


def test_the_memory_of_an_exported_network_is_foreseen(files):
    exported, plain = (load_model(files / name).network for name in ("f32.xml", "m.npz"))
    shape = (64, 64, 64)
    assert prediction_bytes(torch_layers(exported), shape) == prediction_bytes(plain, shape)
    fixed, moving = volumes((40, 40, 40))
    with pytest.raises(InputError, match="too little memory"):
        register_learned(fixed, moving, load_model(files / "f32.xml"), max_memory_gb=0.001)


def test_damaged_exports_are_one_line(files):
    text = (files / "f32.xml").read_text()
    (files / "f32.xml").write_text(text[: len(text) // 2])
    with pytest.raises(InputError, match="damaged"):
        load_model(files / "f32.xml")
    (files / "bf16.bin").unlink()
    with pytest.raises(InputError, match=r"without its \.bin file"):
        load_model(files / "bf16.xml")


def test_exports_of_others_are_one_line(tmp_path):
    model = convert_openvino(torch.nn.Identity(), (torch.rand(1, 2),))
    save_openvino(model, tmp_path / "model.xml")
    with pytest.raises(InputError, match="does not say how images are prepared"):
        load_model(tmp_path / "model.xml")
    describe(model, {"width": 3})
    save_openvino(model, tmp_path / "model.xml")
    with pytest.raises(InputError, match="no model of a registration"):
        load_model(tmp_path / "model.xml")
    text = (tmp_path / "model.xml").read_text()
    (tmp_path / "model.xml").write_text(text.replace("width&quot;", "width"))
    with pytest.raises(InputError, match="damaged"):
        load_model(tmp_path / "model.xml")


def test_networks_of_one_size_say_so(tmp_path):
    class Fixed(torch.nn.Module):
        def forward(self, fixed, moving):
            return (fixed - moving).reshape(1, 1, 8 * 8 * 8) * torch.ones(1, 3, 512)

    images = (torch.rand(1, 1, 8, 8, 8), torch.rand(1, 1, 8, 8, 8))
    save_openvino(convert_openvino(Fixed(), images), tmp_path / "model.xml")
    network = ExportedNetwork(tmp_path / "model.xml", build_network("voxelmorph-1", {}))
    with pytest.raises(InputError, match="images of another size"):
        network(torch.rand(1, 1, 16, 8, 8), torch.rand(1, 1, 16, 8, 8))
