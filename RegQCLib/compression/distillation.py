"""Distillation: a small network learns what a large one answers.

Answers are matched by squared error, logits and displacements alike (Ba and Caruana, NeurIPS 2014;
Hinton et al., arXiv 1503.02531, of which it is the limit of high temperature).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from RegQCLib.compression.fine_tuning import fine_tune
from RegQCLib.compression.target import CompressionTarget
from RegQCLib.errors import InputError
from RegQCLib.progress import Progress, silent


def distill(
    student: nn.Module,
    teacher: nn.Module,
    target: CompressionTarget,
    *,
    steps: int,
    learning_rate: float,
    own_share: float = 0.5,
    first: int = 0,
    progress: Progress = silent,
) -> None:
    """Train ``student`` in place on the answers of ``teacher`` and on the target's own loss.

    own_share: weight of the target's loss, 0 to 1; the rest is the teacher's.
    The squared error is divided by the variance of the teacher's answers, so that it has no unit.
    """
    if not 0 <= own_share <= 1:
        raise InputError(f"own_share is between 0 and 1, got {own_share}")
    deployed, taught = target.deployed(student), target.deployed(teacher.eval())

    def loss(module: nn.Module, batch: Any) -> Tensor:
        own = target.loss(module, batch) if own_share else torch.zeros(())
        if own_share == 1:
            return own
        inputs = target.inputs(batch)
        with torch.no_grad():
            wanted = taught(*inputs).float()
        error = functional.mse_loss(deployed(*inputs).float(), wanted) / wanted.var().clamp(1e-6)
        return own_share * own + (1 - own_share) * error

    fine_tune(
        student,
        target,
        steps=steps,
        learning_rate=learning_rate,
        loss=loss,
        first=first,
        progress=progress,
    )
