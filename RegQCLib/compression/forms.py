"""The forms in which a model can be deployed: how each is written, and how it is run."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from RegQCLib.compression.onnx_export import export_onnx, onnx_runner
from RegQCLib.compression.static_int8 import (
    convert_openvino,
    openvino_runner,
    quantize_onnx,
    quantize_openvino,
    save_openvino,
)
from RegQCLib.compression.target import CompressionTarget, Runner
from RegQCLib.compression.torch_runner import torch_runner
from RegQCLib.errors import InputError
from RegQCLib.registration.networks.exported import PRECISION, describe

FORMS = (
    "torch",
    "torch-bf16",
    "onnx",
    "onnx-int8",
    "openvino",
    "openvino-bf16",
    "openvino-int8",
)
CALIBRATION_BATCHES = 24


def write_form(
    form: str,
    module: nn.Module,
    target: CompressionTarget,
    folder: Path,
    *,
    bits: int = 32,
    calibration: int = CALIBRATION_BATCHES,
) -> list[Path]:
    """Write ``module`` into ``folder`` as ``form`` asks; returns the files.

    bits: of the stored weights of the torch forms; 16 for bfloat16, which float16 rounds eight
    times finer than. calibration: batches that fix the ranges of the
    8-bit forms. Raises InputError for an unknown form.
    """
    if form not in FORMS:
        raise InputError(f"a form is one of {', '.join(FORMS)}, got {form!r}")
    if form.startswith("torch"):
        target.save(folder / "model.npz", module, bits)
        return [folder / "model.npz"]
    deployed = target.deployed(module).eval()
    quantized = form.endswith("int8")
    batches = target.batches(calibration) if quantized else []
    if form.startswith("onnx"):
        path = folder / "model.onnx"
        plain = folder / "float.onnx" if quantized else path
        export_onnx(deployed, target.examples, plain, dynamic=target.dynamic)
        if quantized:
            quantize_onnx(plain, path, batches)
            plain.unlink()
        return [path]
    model = convert_openvino(deployed, target.examples, dynamic=target.dynamic)
    if quantized:
        model = quantize_openvino(model, batches, float_operations=target.float_operations)
    if target.described:
        describe(model, {**target.described, PRECISION: "bf16" if form.endswith("bf16") else "f32"})
    save_openvino(model, folder / "model.xml")
    return [folder / "model.xml", folder / "model.bin"]


def open_form(
    form: str, folder: Path, module: nn.Module, target: CompressionTarget, *, threads: int = 0
) -> Runner:
    """What `write_form` wrote into ``folder``, ready to run; torch forms run ``module``."""
    if form == "torch":
        return torch_runner(target.deployed(module))
    if form == "torch-bf16":
        return torch_runner(target.deployed(module), half=True)
    if form.startswith("onnx"):
        return onnx_runner(folder / "model.onnx", threads=threads)
    precision = "bf16" if form.endswith("bf16") else "f32"
    return openvino_runner(folder / "model.xml", threads=threads, precision=precision)
