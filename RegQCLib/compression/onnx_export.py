"""A network as an ONNX file, and the proof that ONNX Runtime computes the same from it."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from RegQCLib.compression.target import Array, Runner
from RegQCLib.errors import InputError, MissingDependencyError
from RegQCLib.geometry.atomic_file import atomic_file

TOLERANCE = 1e-3
"""Largest difference between both, as a share of the largest answer."""


def export_onnx(
    module: nn.Module, examples: tuple[Tensor, ...], path: Path, *, dynamic: tuple[int, ...] = ()
) -> None:
    """Write ``module``, tensors in and one out, and check the file.

    It takes batches of any size, except from networks that warp features: as the examples have.
    dynamic: axes of the inputs whose size may change too.
    Raises InputError when the network cannot be expressed in ONNX, or answers otherwise there.
    """
    onnxruntime()
    free = {0: torch.export.Dim.DYNAMIC, **dict.fromkeys(dynamic, torch.export.Dim.AUTO)}
    module.eval()
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)  # it tells of each package that it could use and lacks
    try:
        with atomic_file(path) as temporary, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                torch.onnx.export(
                    module,
                    examples,
                    temporary,
                    dynamo=True,
                    external_data=False,
                    verbose=False,
                    dynamic_shapes=tuple(free for _ in examples),
                )
            except torch.onnx.errors.OnnxExporterError as error:
                cause = error.__cause__ or error
                reason = str(cause).strip().splitlines()[0]
                raise InputError(
                    f"{path.name}: the network cannot be exported to ONNX ({reason})"
                ) from None
    finally:
        exporter.setLevel(level)
    _check(module, examples, path)


def _check(module: nn.Module, examples: tuple[Tensor, ...], path: Path) -> None:
    with torch.inference_mode():
        wanted = module(*examples).float().numpy()
    gap = np.abs(onnx_runner(path)(*(one.numpy() for one in examples)) - wanted).max()
    if not gap <= TOLERANCE * max(1.0, float(np.abs(wanted).max())):
        path.unlink()
        raise InputError(
            f"{path.name}: ONNX Runtime answers otherwise than torch, by {gap:.2g}; not written"
        )


def onnx_runner(path: Path, *, threads: int = 0) -> Runner:
    """The model at ``path`` on the CPU; 0 threads leaves the choice to ONNX Runtime.

    Raises InputError for a missing or damaged file.
    """
    runtime = onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # threads that wait in a loop for the next batch would take the processor from others
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its own exceptions share no base but this
        if not type(error).__module__.startswith("onnxruntime"):
            raise
        raise InputError(
            f"{path}: missing, damaged, or not an ONNX model; export it again"
        ) from None
    names = [one.name for one in session.get_inputs()]

    def run(*arrays: Array) -> Array:
        answer: Array = session.run(None, dict(zip(names, arrays, strict=True)))[0]
        return answer

    return run


def onnxruntime() -> Any:
    """The package. Raises MissingDependencyError where it, or onnx, is not installed."""
    try:
        import onnx  # noqa: F401 - the exporter and the quantizer need it
        import onnxruntime as runtime
    except ImportError:
        raise MissingDependencyError(
            "ONNX needs onnx and onnxruntime; run: pip install 'RegQC[train]'"
        ) from None
    return runtime
