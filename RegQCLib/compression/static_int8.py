"""Weights and activations in 8 bits, with ranges fixed by calibration, for what runs them fast.

Processors with VNNI multiply unsigned by signed bytes: activations are unsigned here, weights
signed and by channel. With signed activations ONNX Runtime takes a path several times slower.
"""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from torch import Tensor, nn

from RegQCLib.compression.onnx_export import onnxruntime
from RegQCLib.compression.target import Array, Runner
from RegQCLib.errors import InputError, MissingDependencyError
from RegQCLib.geometry.atomic_file import atomic_file

Batches = Sequence[tuple[Tensor, ...]]


def quantize_onnx(path: Path, out: Path, batches: Batches) -> None:
    """Write the float model at ``path`` as ``out``, in 8 bits with pairs of QDQ operators."""
    runtime = onnxruntime()
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]
    with tempfile.TemporaryDirectory() as folder, atomic_file(out) as temporary:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(path, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            temporary,
            _Reader(names, batches),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )


def convert_openvino(
    module: nn.Module, examples: tuple[Tensor, ...], *, dynamic: tuple[int, ...] = ()
) -> openvino.Model:
    """``module`` as an OpenVINO model in float, for batches of any size.

    dynamic: axes of the inputs whose size may change too.
    Raises InputError for operations that OpenVINO lacks, such as sampling volumes at any place,
    which composed and integrated displacements need.
    """
    shapes = [
        openvino.PartialShape(
            [-1 if axis == 0 or axis in dynamic else n for axis, n in enumerate(one.shape)]
        )
        for one in examples
    ]
    example: Any = examples[0] if len(examples) == 1 else examples
    try:
        with _root_logger_kept():
            return openvino.convert_model(module.eval(), example_input=example, input=shapes)
    except openvino.frontend.OpConversionFailure as error:
        unknown = sorted(set(re.findall(r"aten::\w+", str(error))))
        raise InputError(
            f"OpenVINO cannot express this network ({', '.join(unknown) or 'unknown operations'}); "
            "leave its openvino forms out of the plan, onnx may do"
        ) from None


@contextmanager
def _root_logger_kept() -> Iterator[None]:
    """A conversion that fails leaves the root logger silent, and with it all of the program."""
    root = logging.getLogger()
    level, filters, handlers = root.level, root.filters[:], root.handlers[:]
    try:
        yield
    finally:
        root.setLevel(level)
        root.filters[:], root.handlers[:] = filters, handlers


def quantize_openvino(
    model: openvino.Model, batches: Batches, *, float_operations: Sequence[str] = ()
) -> openvino.Model:
    """``model`` in 8 bits; operations of the types ``float_operations`` stay in float."""
    nncf = _nncf()
    logging.getLogger("nncf").setLevel(logging.ERROR)
    ignored = None
    if float_operations:
        ignored = nncf.IgnoredScope(types=list(float_operations), validate=False)
    # its progress bars would stand between the lines of --progress json
    with redirect_stdout(StringIO()):
        return nncf.quantize(
            model,
            nncf.Dataset([_arrays(batch) for batch in batches]),
            subset_size=len(batches),
            ignored_scope=ignored,
            preset=nncf.QuantizationPreset.MIXED,
        )


def save_openvino(model: openvino.Model, path: Path) -> None:
    """Write ``path`` (.xml) and the .bin beside it, floats in 32 bits."""
    openvino.save_model(model, path, compress_to_fp16=False)


def openvino_runner(path: Path, *, threads: int = 0, precision: str = "f32") -> Runner:
    """The model at ``path`` (.xml) on the CPU; precision, of what is float in it: f32 or bf16.

    Raises InputError for a missing or damaged file.
    """
    options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": precision}
    if threads:
        options["INFERENCE_NUM_THREADS"] = threads
    try:
        compiled = openvino.Core().compile_model(path, "CPU", options)
    except RuntimeError:
        raise InputError(
            f"{path}: missing, damaged, or not an OpenVINO model; export it again"
        ) from None

    def run(*arrays: Array) -> Array:
        answer: Array = compiled(arrays)[0]
        return answer

    return run


class _Reader:
    """Calibration batches as ONNX Runtime asks for them, one at a time."""

    def __init__(self, names: Sequence[str], batches: Batches) -> None:
        self._left: Iterator[dict[str, Array]] = (
            dict(zip(names, (one.numpy() for one in batch), strict=True)) for batch in batches
        )

    def get_next(self) -> dict[str, Array] | None:
        return next(self._left, None)


def _arrays(batch: tuple[Tensor, ...]) -> Array | tuple[Array, ...]:
    arrays = tuple(np.ascontiguousarray(one.numpy()) for one in batch)
    return arrays[0] if len(arrays) == 1 else arrays


def _nncf() -> Any:
    try:
        import nncf
    except ImportError:
        raise MissingDependencyError(
            "8 bits for OpenVINO need nncf; install it with: pip install 'RegQC[train]'"
        ) from None
    return nncf
