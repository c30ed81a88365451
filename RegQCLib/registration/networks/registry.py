"""Registration networks by name, as training configs, model files and ``kind`` give them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from torch import nn

from RegQCLib.errors import InputError
from RegQCLib.registration.networks.voxelmorph import (
    VoxelMorph,
    VoxelMorph2Settings,
    VoxelMorphDiffSettings,
    VoxelMorphSettings,
)

NETWORKS: dict[str, tuple[Any, type[nn.Module]]] = {
    "voxelmorph-1": (VoxelMorphSettings, VoxelMorph),
    "voxelmorph-2": (VoxelMorph2Settings, VoxelMorph),
    "voxelmorph-diff": (VoxelMorphDiffSettings, VoxelMorph),
}
"""The class of the settings and that of the network."""


def build_network(name: str, settings: Mapping[str, Any]) -> nn.Module:
    """Make a network with fresh weights; settings that are not given are the published ones.

    Raises InputError for an unknown name, and for settings that it does not know or cannot have.
    """
    if name not in NETWORKS:
        raise InputError(f"a network is one of {', '.join(NETWORKS)}, got {name!r}")
    kind, network = NETWORKS[name]
    known = [field.name for field in fields(kind)]
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise InputError(
            f"network {name}: unknown settings {', '.join(unknown)}; known are {', '.join(known)}"
        )
    values = {key: _frozen(value) for key, value in settings.items()}
    try:
        return network(kind(**values))
    except InputError as error:
        raise InputError(f"network {name}: {error}") from None
    except TypeError:
        raise InputError(f"network {name}: settings of a wrong type: {dict(settings)}") from None


def _frozen(value: Any) -> Any:
    """Lists, as files have them, as the tuples of the settings."""
    return tuple(_frozen(one) for one in value) if isinstance(value, list | tuple) else value
