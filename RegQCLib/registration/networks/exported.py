"""Registration networks that OpenVINO runs, as ``regqc compress`` exports them.

Faster than torch on a CPU, and in 8 or 16 bits several times so. The .xml file says, beside the
computation, what a model file says: the network, its settings and how images are prepared.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import torch
from torch import Tensor, nn

from RegQCLib.errors import InputError
from RegQCLib.registration.networks.prediction import Prediction

ENTRY = "regqc"
PRECISION = "precision"
"""Entry of the description: what is float in the network is computed in "f32" or "bf16"."""


def describe(model: openvino.Model, described: Mapping[str, Any]) -> None:
    """Write into ``model`` what its file is to say. described: values that JSON has."""
    model.set_rt_info(json.dumps(described), ENTRY)


def description(path: str | Path) -> dict[str, Any]:
    """What the file says. Raises InputError when it is damaged or says nothing."""
    model = _read(path)
    if not model.has_rt_info(ENTRY):
        raise InputError(
            f"{path}: an OpenVINO model that does not say how images are prepared for it; "
            "export it with regqc compress"
        )
    try:
        found: dict[str, Any] = json.loads(model.get_rt_info(ENTRY).astype(str))
    except ValueError:
        raise InputError(f"{path}: what it says of itself is damaged; export it again") from None
    return found


class ExportedNetwork(nn.Module):
    """A network as others are, for prediction alone, on the CPU.

    fixed, moving: (1, 1, *spatial), sides multiples of ``divisor``; every new size is compiled
    once. architecture: the network in torch, whose weights do not matter; its layers tell memory.
    """

    def __init__(self, path: str | Path, architecture: nn.Module, precision: str = "f32") -> None:
        super().__init__()
        self.architecture = architecture
        self.axes, self.divisor = architecture.axes, architecture.divisor
        self.precision = precision
        self._model = _read(path)
        self._compiled: tuple[tuple[int, ...], openvino.CompiledModel] | None = None

    def forward(self, fixed: Tensor, moving: Tensor) -> Prediction:
        shape = tuple(fixed.shape)
        if self._compiled is None or self._compiled[0] != shape:
            self._compiled = (shape, self._made_for(shape))
        arrays = [np.ascontiguousarray(one.cpu().numpy()) for one in (fixed, moving)]
        return Prediction(torch.from_numpy(self._compiled[1](arrays)[0].copy()))

    def _made_for(self, shape: tuple[int, ...]) -> openvino.CompiledModel:
        options = {"INFERENCE_PRECISION_HINT": self.precision}
        try:
            self._model.reshape({port: list(shape) for port in range(2)})
            return openvino.Core().compile_model(self._model, "CPU", options)
        except RuntimeError:
            raise InputError(
                "this exported model does not take images of another size than it was exported "
                "with; register with the model file (.npz) instead"
            ) from None


def torch_layers(network: nn.Module) -> nn.Module:
    """The network in torch: itself, or the architecture of an exported one."""
    return network.architecture if isinstance(network, ExportedNetwork) else network


def _read(path: str | Path) -> openvino.Model:
    try:
        return openvino.Core().read_model(path)
    except RuntimeError:
        raise InputError(
            f"{path}: damaged, or without its .bin file beside it; export it again"
        ) from None
