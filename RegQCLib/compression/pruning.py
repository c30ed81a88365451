"""Pruning by magnitude: the smallest weights of the whole network become zero.

One shot, as in the report of seed 001 (25 % of weights and biases), or along a schedule (Zhu and
Gupta, arXiv 1710.01878). Zeros save bytes of a compressed file; no time, since dense arithmetic
multiplies them all the same: see `channel_pruning` for what does.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from RegQCLib.compression.layers import matrix_layers
from RegQCLib.errors import InputError

Masks = dict[str, Tensor]
"""For each parameter, by name, where it may differ from zero (bool)."""


@dataclass(frozen=True)
class PruningSchedule:
    """Share of zeros at every step: from ``initial`` to ``final`` between two steps.

    s(t) = final + (initial - final) (1 - (t - begin) / (end - begin)) ** power, equation 1 of Zhu
    and Gupta with power 3; masks are renewed every ``every`` steps.
    """

    final: float
    begin: int
    end: int
    initial: float = 0.0
    power: float = 3.0
    every: int = 10

    def __post_init__(self) -> None:
        for share in (self.initial, self.final):
            check_share(share)
        if not 0 <= self.begin < self.end or self.every < 1 or self.power <= 0:
            raise InputError(
                "a pruning schedule begins before it ends, with power and every above 0"
            )

    def share(self, step: int) -> float:
        """The share of zeros that step ``step`` is to have."""
        done = min(1.0, max(0.0, (step - self.begin) / (self.end - self.begin)))
        return self.final + (self.initial - self.final) * (1 - done) ** self.power

    def due(self, step: int) -> bool:
        """Whether masks are to be renewed before step ``step``."""
        within = self.begin <= step <= self.end
        return within and ((step - self.begin) % self.every == 0 or step == self.end)


def check_share(share: float) -> None:
    """Raise InputError unless ``share`` leaves something to keep."""
    if not 0 <= share < 1:
        raise InputError(f"the share to prune is at least 0 and below 1, got {share}")


def magnitude_masks(module: nn.Module, share: float, *, biases: bool = True) -> Masks:
    """Masks that keep all but the ``share`` of smallest magnitude, counted over all layers.

    Weights of convolutions and linear layers, and their biases unless told otherwise. Scales of
    normalizations stay: a zero there would remove a whole channel. Exactly round(share * count)
    numbers are dropped, of equal ones the first, so zeros of earlier pruning stay zeros.
    Raises InputError for a share outside [0, 1).
    """
    check_share(share)
    parameters = _prunable(module, biases=biases)
    flat = torch.cat([parameter.detach().abs().flatten() for parameter in parameters.values()])
    drop = round(share * len(flat))
    kept = torch.ones(len(flat), dtype=torch.bool, device=flat.device)
    kept[flat.argsort(stable=True)[:drop]] = False
    parts = kept.split([parameter.numel() for parameter in parameters.values()])
    return {
        name: part.view(parameter.shape)
        for (name, parameter), part in zip(parameters.items(), parts, strict=True)
    }


def zero_masks(module: nn.Module, *, biases: bool = True) -> Masks:
    """Masks that keep what is zero now."""
    parameters = _prunable(module, biases=biases)
    return {name: parameter.detach() != 0 for name, parameter in parameters.items()}


@torch.no_grad()
def apply_masks(module: nn.Module, masks: Masks) -> None:
    """Set what the masks drop to exactly zero."""
    for name, mask in masks.items():
        parameter = module.get_parameter(name)
        parameter.masked_fill_(~mask.to(parameter.device), 0)


def zero_share(module: nn.Module, *, biases: bool = True) -> float:
    """Of the numbers that `magnitude_masks` counts, the share that is exactly zero."""
    parameters = _prunable(module, biases=biases).values()
    zeros = sum(int((parameter == 0).sum()) for parameter in parameters)
    return zeros / sum(parameter.numel() for parameter in parameters)


def _prunable(module: nn.Module, *, biases: bool) -> dict[str, nn.Parameter]:
    names = ("weight", "bias") if biases else ("weight",)
    found: dict[str, nn.Parameter] = {}
    for layer_name, layer in matrix_layers(module).items():
        own = dict(layer.named_parameters(recurse=False))
        prefix = f"{layer_name}." if layer_name else ""
        found |= {prefix + name: own[name] for name in names if name in own}
    return found
