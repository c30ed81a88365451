"""Every form is written, read back and answers as torch does."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from compression.support import draw, tiny_network, toy_target
from torch import nn

from RegQCLib.compression.forms import FORMS, open_form, write_form
from RegQCLib.compression.measure import file_bytes, latencies_ms, peak_memory_mb, spread
from RegQCLib.compression.onnx_export import export_onnx, onnx_runner
from RegQCLib.compression.static_int8 import openvino_runner
from RegQCLib.errors import InputError

TOLERANCES = {"torch-bf16": 0.03, "openvino-bf16": 0.03, "onnx-int8": 0.06, "openvino-int8": 0.06}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    target, folder = toy_target(), tmp_path_factory.mktemp("forms")
    files = {}
    for form in FORMS:
        (folder / form).mkdir()
        files[form] = write_form(form, target.module, target, folder / form, calibration=3)
    return target, folder, files


@pytest.mark.parametrize("form", FORMS)
def test_a_form_answers_as_torch(written, form):
    target, folder, files = written
    run = open_form(form, folder / form, target.module, target, threads=1)
    images = draw(-9, 7).images  # of another batch size than the one exported
    with torch.inference_mode():
        wanted = target.module(images).numpy()
    gap = np.abs(run(images.numpy()) - wanted).max() / np.abs(wanted).max()
    assert gap < TOLERANCES.get(form, 1e-5)
    assert (gap > 1e-6) == (form in TOLERANCES)
    assert {file.name for file in (folder / form).iterdir()} == {file.name for file in files[form]}
    assert file_bytes(files[form]) == sum(f.stat().st_size for f in (folder / form).iterdir())


def test_eight_bit_files_hold_bytes(written):
    import onnx
    from onnx import TensorProto

    _, folder, _ = written
    model = onnx.load(folder / "onnx-int8" / "model.onnx")
    kinds = {one.name: one.data_type for one in model.graph.initializer if len(one.dims) > 1}
    assert set(kinds.values()) == {TensorProto.INT8}
    steps = [node for node in model.graph.node if node.op_type == "QuantizeLinear"]
    zeros = {one.name: one.data_type for one in model.graph.initializer}
    assert {zeros[node.input[2]] for node in steps} == {TensorProto.UINT8}
    assert 'element_type="i8"' in (folder / "openvino-int8" / "model.xml").read_text()


def test_calibration_prints_nothing(tmp_path, capfd):
    target = toy_target()
    write_form("openvino-int8", target.module, target, tmp_path, calibration=1)
    assert capfd.readouterr().out == ""


def test_unknown_forms_are_refused(tmp_path):
    with pytest.raises(InputError, match="a form is one of torch"):
        write_form("tflite", tiny_network(), toy_target(), tmp_path)


@pytest.mark.parametrize("damage", ["missing", "empty", "text", "cut"])
@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_damaged_files_are_one_line(tmp_path, written, kind, damage):
    name = "model.onnx" if kind == "onnx" else "model.xml"
    content = (written[1] / kind / name).read_bytes()
    texts = {"empty": b"", "text": b"a model", "cut": content[: len(content) // 2]}
    if damage in texts:
        (tmp_path / name).write_bytes(texts[damage])
    with pytest.raises(InputError, match="export it again") as caught:
        (onnx_runner if kind == "onnx" else openvino_runner)(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_network_that_onnx_cannot_express_is_one_line(tmp_path):
    class Forks(nn.Module):
        def forward(self, x):
            return x * 2 if x.sum() > 0 else x

    with pytest.raises(InputError, match="cannot be exported") as caught:
        export_onnx(Forks(), (torch.rand(2, 3),), tmp_path / "model.onnx")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not tell")
def test_memory_is_that_of_a_process_of_its_own(written):
    _, folder, _ = written
    small, large = (
        peak_memory_mb("onnx", folder / "onnx", [(count, 2, 8, 8)], 1) for count in (1, 40_000)
    )
    assert 10 < small < 300
    # at least the images, and 8 channels of the first layer
    assert large - small > 40_000 * 64 * 4 * (2 + 8) / 1e6
    with pytest.raises(InputError, match="the form onnx does not run"):
        peak_memory_mb("onnx", folder / "torch", [(1, 2, 8, 8)], 1)


def test_models_take_turns_in_one_run():
    calls = []
    runners = {name: lambda _, name=name: calls.append(name) for name in "ab"}
    times = latencies_ms(runners, (np.zeros(1, np.float32),), repeats=3, threads=1)
    assert "".join(calls) == "ab" * 5  # two of them to warm up
    assert {name: len(values) for name, values in times.items()} == {"a": 3, "b": 3}
    figures = spread([4.0, 1, 2, 3, 100])
    assert list(figures.values()) == [3, 2, 4, 1]
    with pytest.raises(InputError, match="repeat"):
        latencies_ms(runners, (), repeats=0, threads=1)
