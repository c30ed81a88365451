"""Structured pruning: whole channels go, with every weight that reads them.

What is left is a smaller dense network, faster on any hardware. The channels of smallest L1 norm go
(Li et al., arXiv 1608.08710); which layers share channels, over sums and concatenations, is found
from the computation itself (Fang et al., CVPR 2023, by their library torch-pruning).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from RegQCLib.compression.layers import NORMALIZATIONS, matrix_layers
from RegQCLib.compression.pruning import check_share
from RegQCLib.errors import InputError, MissingDependencyError

Channels = dict[str, list[int]]
"""For each layer, by name, the output channels that went, numbered as they were before."""


def prune_channels(
    module: nn.Module,
    deployed: nn.Module,
    examples: tuple[Tensor, ...],
    share: float,
    *,
    fixed: Sequence[str] = (),
    multiple: int = 8,
) -> Channels:
    """Remove ``share`` of the output channels of every group of coupled layers, in place.

    module: to prune. deployed: the same, with tensors in and one out, called with ``examples``.
    fixed: names of layers that keep all outputs. multiple: counts that stay are rounded up to it,
    as processors compute channels in blocks.
    Raises InputError for a share outside [0, 1), for an unknown name in ``fixed``, and for networks
    whose coupled layers the library cannot find (channels that are split or made of voxels).
    """
    check_share(share)
    if multiple < 1:
        raise InputError(f"multiple is a whole number above 0, got {multiple}")
    layers = matrix_layers(module)
    unknown = [name for name in fixed if name not in layers]
    if unknown:
        raise InputError(f"layer {unknown[0]} does not exist; layers are {', '.join(layers)}")
    tp = _torch_pruning()
    names = {layer: name for name, layer in module.named_modules()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of parameters outside any layer, which stay
        try:
            graph = tp.DependencyGraph().build_dependency(deployed, example_inputs=tuple(examples))
            groups = list(graph.get_all_groups(ignored_layers=[layers[name] for name in fixed]))
        except (TypeError, IndexError, KeyError, AttributeError):
            raise InputError(
                "channels of this network are split or joined in ways that channel pruning does "
                "not follow; give a student with fewer channels in its settings to distill instead"
            ) from None
    gone: Channels = {}
    for group in groups:
        root, prune = group[0].dep.target.module, group[0].dep.handler
        norms = _norms(group, graph)
        count = len(norms)
        keep = min(count, max(1, math.ceil((1 - share) * count / multiple)) * multiple)
        weakest = sorted(norms.argsort(stable=True)[: count - keep].tolist())
        if not weakest:
            continue
        chosen = graph.get_pruning_group(root, prune, idxs=weakest)
        for item in chosen:
            layer = item.dep.target.module
            if layer in names and graph.is_out_channel_pruning_fn(item.dep.handler):
                gone[names[layer]] = sorted(item.idxs)
        chosen.prune()
    return gone


@torch.no_grad()
def silence_channels(module: nn.Module, channels: Channels) -> None:
    """Set output channels to zero in place: the large network that computes the same."""
    for name, dropped in channels.items():
        layer = module.get_submodule(name)
        axis = 1 if getattr(layer, "transposed", False) else 0
        for parameter in layer.parameters(recurse=False):
            parameter.index_fill_(axis if parameter.ndim > 1 else 0, torch.tensor(dropped), 0)


def _norms(group: Any, graph: Any) -> Tensor:
    """Sum of the L1 norms of what every layer of a group computes for each channel."""
    total: Tensor | None = None
    for item in group:
        layer = item.dep.target.module
        if not graph.is_out_channel_pruning_fn(item.dep.handler):
            continue
        if isinstance(layer, (*NORMALIZATIONS,)) or not hasattr(layer, "weight"):
            continue
        weight = layer.weight.detach()
        if getattr(layer, "transposed", False):
            weight = weight.transpose(0, 1)
        norms = weight.abs().flatten(1).sum(dim=1)[torch.as_tensor(item.idxs)]
        places = torch.as_tensor(item.root_idxs or range(len(norms)))
        size = len(group[0].idxs)
        total = torch.zeros(size) if total is None else total
        total.index_add_(0, places, norms.float())
    assert total is not None, "a group has a root"
    return total


def _torch_pruning() -> Any:
    try:
        import torch_pruning
    except ImportError:
        raise MissingDependencyError(
            "channel pruning needs torch-pruning; run: pip install 'RegQC[train]'"
        ) from None
    return torch_pruning
