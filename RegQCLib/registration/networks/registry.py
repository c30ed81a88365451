"""Registration networks by name, as training configs, model files and ``kind`` give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from RegQCLib.errors import InputError
from RegQCLib.registration.networks.contrast_agnostic import (
    ContrastAgnostic,
    ContrastAgnosticSettings,
)
from RegQCLib.registration.networks.global_net import GlobalNet, GlobalNetSettings
from RegQCLib.registration.networks.label_reg import LabelReg, LabelRegSettings
from RegQCLib.registration.networks.local_net import LocalNet, LocalNetSettings
from RegQCLib.registration.networks.settings import read_settings
from RegQCLib.registration.networks.sparse_voxelmorph import (
    SparseVoxelMorph,
    SparseVoxelMorphSettings,
)
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
    "sparsevm": (SparseVoxelMorphSettings, SparseVoxelMorph),
    "localnet": (LocalNetSettings, LocalNet),
    "globalnet": (GlobalNetSettings, GlobalNet),
    "label-reg": (LabelRegSettings, LabelReg),
    "contrast-agnostic": (ContrastAgnosticSettings, ContrastAgnostic),
}
"""The class of the settings and that of the network."""


def build_network(name: str, settings: Mapping[str, Any]) -> nn.Module:
    """Make a network with fresh weights; settings that are not given are the published ones.

    Raises InputError for an unknown name, and for settings that it does not know or cannot have.
    """
    if name not in NETWORKS:
        raise InputError(f"a network is one of {', '.join(NETWORKS)}, got {name!r}")
    kind, network = NETWORKS[name]
    return network(read_settings(kind, settings, f"network {name}"))
