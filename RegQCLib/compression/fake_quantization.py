"""A network that computes as if in few bits: for calibration, and for training aware of it.

Weights go through `quantization.rounded`; inputs of every layer are rounded to 8 bits between the
extremes that calibration saw. Jacob et al., CVPR 2018.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from RegQCLib.compression.layers import matrix_layers
from RegQCLib.compression.quantization import channel_scales, rounded
from RegQCLib.errors import InputError


class ActivationRange:
    """Smallest and largest value that a layer has been given; zero always lies between."""

    def __init__(self, bits: int = 8) -> None:
        self.bits, self.low, self.high = bits, 0.0, 0.0

    def observe(self, values: Tensor) -> None:
        """Widen the range to ``values``."""
        self.low = min(self.low, float(values.min()))
        self.high = max(self.high, float(values.max()))

    def rounded(self, values: Tensor) -> Tensor:
        """``values`` on the grid of 2^bits steps, cut to the range; straight-through gradient.

        The grid is shifted by a whole number of steps, so zero is exactly on it.
        """
        levels = 2**self.bits - 1
        step = (self.high - self.low) / levels
        if step == 0:
            return values
        zero = round(-self.low / step)
        inside = values.clamp(-zero * step, (levels - zero) * step)
        grid = ((values.detach() / step).round() + zero).clamp(0, levels)
        return inside + ((grid - zero) * step - inside).detach()


def activation_ranges(
    module: nn.Module, deployed: nn.Module, batches: Iterable[tuple[Tensor, ...]], *, bits: int = 8
) -> dict[str, ActivationRange]:
    """Ranges of the inputs of all convolutions and linear layers over some batches.

    module: whose layers are watched; deployed: what is called, the module itself or around it.
    """
    ranges = {name: ActivationRange(bits) for name in matrix_layers(module)}
    module.eval()

    def watch(name: str) -> Any:
        return lambda _, inputs: ranges[name].observe(inputs[0].detach())

    hooks = [
        layer.register_forward_pre_hook(watch(name))
        for name, layer in matrix_layers(module).items()
    ]
    try:
        with torch.inference_mode():
            for batch in batches:
                deployed(*batch)
    finally:
        for hook in hooks:
            hook.remove()
    return ranges


@contextmanager
def few_bits(
    module: nn.Module, bits: int, ranges: dict[str, ActivationRange] | None = None
) -> Iterator[None]:
    """Within the block ``module`` computes with weights of ``bits`` and rounded activations.

    Training in the block is quantization-aware: gradients reach the weights in float32. At the end
    the weights are left rounded.
    ranges: of the activations, from `activation_ranges`; None leaves activations in float.
    Raises InputError when ``ranges`` are those of another network.
    """
    layers = matrix_layers(module)
    if ranges is not None and set(ranges) != set(layers):
        raise InputError("activation ranges belong to another network; calibrate this one")

    def hook(range_of: ActivationRange) -> Any:
        return lambda _, inputs: (range_of.rounded(inputs[0]), *inputs[1:])

    hooks = [
        layer.register_forward_pre_hook(hook(ranges[name]))
        for name, layer in layers.items()
        if ranges is not None
    ]
    try:
        for layer in layers.values():
            parametrize.register_parametrization(layer, "weight", _FewBits(bits))
        yield
    finally:
        for layer in layers.values():
            if parametrize.is_parametrized(layer, "weight"):
                parametrize.remove_parametrizations(layer, "weight")
        for one in hooks:
            one.remove()


class _FewBits(nn.Module):
    """The weight that a layer computes with while its own stays in float."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.bits = bits

    def forward(self, weight: Tensor) -> Tensor:
        return rounded(weight, channel_scales(weight, self.bits), self.bits)
