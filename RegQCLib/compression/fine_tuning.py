"""Training a compressed model further, while what was pruned stays zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from RegQCLib.compression.pruning import Masks, PruningSchedule, apply_masks, magnitude_masks
from RegQCLib.compression.target import CompressionTarget
from RegQCLib.errors import InputError
from RegQCLib.progress import Progress, silent

FLOOR = 0.01  # of the first learning rate, at the end
LARGEST_GRADIENT = 1.0

Loss = Callable[[nn.Module, Any], Tensor]


def fine_tune(
    module: nn.Module,
    target: CompressionTarget,
    *,
    steps: int,
    learning_rate: float,
    masks: Masks | None = None,
    schedule: PruningSchedule | None = None,
    loss: Loss | None = None,
    first: int = 0,
    progress: Progress = silent,
) -> None:
    """Train ``module`` in place by Adam with a learning rate that falls along a cosine.

    masks: what they drop is zero after every step. schedule: renews the masks as training goes on.
    loss: in place of the target's own. first: number of the first training batch.
    Raises InputError when the loss is no longer finite.
    """
    if steps < 1 or learning_rate <= 0:
        raise InputError("fine-tuning needs steps and a learning_rate above 0")
    parameters = [p for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=learning_rate)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimizer, steps, eta_min=FLOOR * learning_rate
    )
    place = parameters[0].device.type
    loss = loss or target.loss
    module.train()
    for step in range(steps):
        if schedule is not None and schedule.due(step):
            masks = magnitude_masks(module, schedule.share(step))
        apply_masks(module, masks or {})
        batch = target.draw(first + step)
        with torch.autocast(place, torch.bfloat16, enabled=target.half):
            value = loss(module, batch)
        if not torch.isfinite(value):
            raise InputError(
                f"{target.kind}: the loss is not finite at step {step + 1} of fine-tuning; "
                "use a smaller learning_rate"
            )
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        nn.utils.clip_grad_norm_(parameters, LARGEST_GRADIENT)
        optimizer.step()
        rates.step()
        progress("fine-tuning", (step + 1) / steps)
    if schedule is not None:
        masks = magnitude_masks(module, schedule.share(steps))
    apply_masks(module, masks or {})
    module.eval()
