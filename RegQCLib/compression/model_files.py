"""Model files of the library, whichever network is in them and whatever channels it has left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from RegQCLib.compression.layers import fit_channels
from RegQCLib.errors import InputError
from RegQCLib.qc.networks.matcher import Matcher, MatcherSettings
from RegQCLib.qc.networks.slice_classifier import ClassifierSettings, SliceClassifier
from RegQCLib.registration.networks import registry
from RegQCLib.registration.networks.model_file import FEWER_CHANNELS
from RegQCLib.weights_io import load_weights, save_weights

SLICE_NETWORKS: dict[str, tuple[type, Callable[[Any], nn.Module]]] = {
    "slice_classifier": (ClassifierSettings, SliceClassifier),
    "matcher": (MatcherSettings, Matcher),
}


@dataclass(frozen=True)
class ModelFile:
    """What a file holds.

    kind: name of the network. module: in float32, for evaluation. settings: of the network.
    described: everything that the file says beside the weights, kept when it is written again.
    """

    kind: str
    module: nn.Module
    settings: dict[str, Any]
    described: dict[str, Any]

    @property
    def registers(self) -> bool:
        """Whether it is a registration network, which takes two images and not one pair."""
        return self.kind not in SLICE_NETWORKS


def read_model(path: str | Path) -> ModelFile:
    """Read a model of slices or of registration, with all of its channels or fewer.

    Raises InputError when the file is missing, damaged or of another kind.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such model file; give a .npz that RegQC has written")
    arrays, described = load_weights(path)
    kind = _kind(path, described)
    settings = described["settings"] if "network" in described else described
    state = {name: torch.as_tensor(array) for name, array in arrays.items()}
    try:
        module = build(kind, settings)
        fit_channels(module, state)
        module.load_state_dict(state)
    except InputError:
        raise
    except (TypeError, RuntimeError, AttributeError):
        raise InputError(
            f"{path}: its weights do not fit the network {kind}; the file is damaged or was edited"
        ) from None
    return ModelFile(kind, module.eval(), dict(settings), described)


def build(kind: str, settings: Mapping[str, Any]) -> nn.Module:
    """A network with fresh weights. Raises InputError for settings that it does not know."""
    if kind not in SLICE_NETWORKS:
        return registry.build_network(kind, settings)
    settings_class, network = SLICE_NETWORKS[kind]
    try:
        return network(settings_class(**settings))
    except TypeError:
        raise InputError(f"network {kind}: unknown settings in {dict(settings)}") from None


def write_model(path: Path, module: nn.Module, described: Mapping[str, Any], bits: int) -> None:
    """Write a network so that `read_model` reads it, its matrices in ``bits`` a weight."""
    arrays = {name: value.detach().cpu().numpy() for name, value in module.state_dict().items()}
    if "settings" in described:
        whole = build(described["network"], described["settings"]).state_dict()
        if any(arrays[name].shape != tuple(value.shape) for name, value in whole.items()):
            described = {**described, FEWER_CHANNELS: True}
    save_weights(path, arrays, described, bits=bits)


def deployed(kind: str, module: nn.Module) -> nn.Module:
    """The part that is run: of registration networks, the displacement alone."""
    return module if kind in SLICE_NETWORKS else Displacement(module)


class Displacement(nn.Module):
    """A registration network as a function of two tensors that returns one."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, fixed: Tensor, moving: Tensor) -> Tensor:
        displacement: Tensor = self.network(fixed, moving).displacement
        return displacement


def _kind(path: str | Path, described: Any) -> str:
    if isinstance(described, dict) and "network" in described and "settings" in described:
        return str(described["network"])
    names = set(described) if isinstance(described, dict) else set()
    if names == {"width"}:
        return "slice_classifier"
    if names and names <= set(MatcherSettings.__dataclass_fields__):
        return "matcher"
    raise InputError(f"{path}: weights of no network that this version of RegQC knows")
