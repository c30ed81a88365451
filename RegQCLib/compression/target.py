"""What compression has to know of a model, whatever it does: the one interface of all steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

Array = NDArray[np.float32]
Runner = Callable[..., Array]
"""A model in any runtime: the arrays of one batch in, its answer out."""


@dataclass(frozen=True)
class CompressionTarget:
    """A model with what trains, measures and stores it.

    kind: its name in messages and cards. module: in float32, for evaluation. settings: of the
    network. build: makes a fresh network of other settings, for distillation.
    deployed: the part that a runtime executes, with tensors in and one tensor out.
    examples: inputs of ``deployed`` for the latency. dynamic: axes of the inputs, beside the first,
    whose size may change.
    draw: training batch number n, a function of n alone. inputs: those of ``deployed`` in a batch.
    loss: of a module on a batch. half: whether training may run in bfloat16.
    metric: name of what ``evaluate`` returns, larger being better, on data unseen in training.
    save: writes a module with its weights in so many bits, readable by ``read``.
    described: what exported files of registration networks say; empty for others.
    fixed: names of layers whose outputs are the answer, so that no channel of theirs may go.
    float_operations: operation types that 8-bit runtimes leave in float.
    """

    kind: str
    module: nn.Module
    settings: Mapping[str, Any]
    build: Callable[[Mapping[str, Any]], nn.Module]
    deployed: Callable[[nn.Module], nn.Module]
    examples: tuple[Tensor, ...]
    draw: Callable[[int], Any]
    inputs: Callable[[Any], tuple[Tensor, ...]]
    loss: Callable[[nn.Module, Any], Tensor]
    metric: str
    evaluate: Callable[[Runner], float]
    save: Callable[[Path, nn.Module, int], None]
    described: Mapping[str, Any] = field(default_factory=dict)
    fixed: tuple[str, ...] = ()
    dynamic: tuple[int, ...] = ()
    float_operations: tuple[str, ...] = ()
    half: bool = False

    def batches(self, count: int, first: int = 0) -> list[tuple[Tensor, ...]]:
        """Inputs of ``count`` batches, for calibration."""
        return [self.inputs(self.draw(first + n)) for n in range(count)]
