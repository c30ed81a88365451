"""Every registration network as ONNX: written, checked against torch, and answering the same."""

from __future__ import annotations

import pytest
import torch

from RegQCLib.compression.model_files import build, deployed
from RegQCLib.compression.onnx_export import export_onnx, onnx_runner

pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

SMALL = {
    "voxelmorph-1": {"encoder": [2, 2], "decoder": [2, 2, 2]},
    "voxelmorph-diff": {"encoder": [2, 2], "decoder": [2, 2, 2]},
    "localnet": {"channels": 2, "levels": 2, "summed": [0, 1]},
    "globalnet": {"channels": 2, "levels": 2},
    "label-reg": {"channels": 2, "global_channels": 2, "levels": 2},
    "contrast-agnostic": {"stem": 2, "features": [4, 4], "hidden": [4, 4]},
}


@pytest.mark.parametrize("name", SMALL)
def test_a_registration_network_answers_the_same_in_onnx_runtime(tmp_path, name):
    torch.manual_seed(0)
    network = build(name, SMALL[name])
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    module = deployed(name, network).eval()
    export_onnx(module, tuple(torch.rand(2, 1, 1, 8, 16, 8)), tmp_path / "m.onnx")
    images = torch.rand(2, 1, 1, 8, 16, 8)
    found = torch.from_numpy(onnx_runner(tmp_path / "m.onnx")(*(one.numpy() for one in images)))
    with torch.inference_mode():
        expected = module(*images)
    assert float(expected.abs().max()) > 0.01
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
