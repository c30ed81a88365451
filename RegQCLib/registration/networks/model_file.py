"""Trained registration models in one file: the network's name, settings, weights, preprocessing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from RegQCLib.compression.layers import fit_channels
from RegQCLib.errors import InputError
from RegQCLib.registration.networks.exported import PRECISION, ExportedNetwork, description
from RegQCLib.registration.networks.preprocessing import ImagePreprocessing
from RegQCLib.registration.networks.registry import build_network
from RegQCLib.registration.networks.settings import read_settings
from RegQCLib.weights_io import load_weights, save_weights

PARTS = ("network", "settings", "preprocessing", "about")
FEWER_CHANNELS = "fewer_channels"
"""Entry of files whose network has lost channels, so that its settings tell too many."""


@dataclass(frozen=True)
class LoadedModel:
    """A trained network, ready to predict on the CPU.

    name, settings: what `build_network` made it of. preprocessing: of the images it was trained on.
    about: what its training wrote down of it.
    """

    network: nn.Module
    name: str
    settings: dict[str, Any]
    preprocessing: ImagePreprocessing
    about: dict[str, Any]


def save_model(
    path: str | Path,
    *,
    network: str,
    settings: Mapping[str, Any],
    state: Mapping[str, Tensor],
    preprocessing: ImagePreprocessing,
    about: Mapping[str, Any],
    bits: int = 32,
) -> None:
    """Write a model, its matrices in 4, 8, 16 or 32 bits a weight.

    network: a name of `NETWORKS`. settings, about: values that JSON has. state: as of
    ``state_dict``. Raises InputError as `save_weights`.
    """
    arrays = {name: values.detach().cpu().numpy() for name, values in state.items()}
    described = {
        "network": network,
        "settings": dict(settings),
        "preprocessing": asdict(preprocessing),
        "about": dict(about),
    }
    save_weights(path, arrays, described, bits=bits)


def load_model(path: str | Path) -> LoadedModel:
    """Read what `save_model` wrote, or a network exported for OpenVINO (.xml).

    Raises InputError when the file is missing, damaged, no registration model, or of a network
    that this version does not know.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such model file; give one that `regqc train` has written")
    exported = Path(path).suffix == ".xml"
    arrays, described = ({}, description(path)) if exported else load_weights(path)
    if not isinstance(described, dict) or not set(PARTS) <= set(described):
        raise InputError(f"{path}: no model of a registration; give one that registers images")
    name = described["network"]
    try:
        network = build_network(name, described["settings"])
        preprocessing = read_settings(
            ImagePreprocessing, described["preprocessing"], "preprocessing"
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if exported:
        network = ExportedNetwork(path, network, described.get(PRECISION, "f32"))
    else:
        _fill(network, arrays, described, path)
    return LoadedModel(
        network.eval(), name, dict(described["settings"]), preprocessing, dict(described["about"])
    )


def _fill(
    network: nn.Module,
    arrays: Mapping[str, NDArray[Any]],
    described: Mapping[str, Any],
    path: str | Path,
) -> None:
    """Give a network the weights of a file."""
    state = {key: torch.from_numpy(np.array(values)) for key, values in arrays.items()}
    try:
        if described.get(FEWER_CHANNELS):
            fit_channels(network, state)
        network.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError):
        raise InputError(
            f"{path}: its weights do not fit the network {described['network']} that it names; "
            "the file is damaged, or was edited"
        ) from None
