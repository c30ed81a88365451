"""One process or several (``torchrun``), on CPU or GPU, in 32 or 16 bits: Lightning Fabric."""

from __future__ import annotations

import os
from typing import Literal

from lightning_fabric import Fabric
from torch import Tensor, nn

from RegQCLib.errors import InputError
from RegQCLib.registration.networks.prediction import Prediction
from RegQCLib.training.device import choose_device

PRECISION: dict[str, Literal["32-true", "bf16-mixed"]] = {"32": "32-true", "bf16": "bf16-mixed"}


def start_fabric(device: str, precision: str, batch: int) -> Fabric:
    """Return the launched Fabric of this process.

    device: "auto", "cpu" or "cuda". Raises InputError where that is missing, or ``batch`` cannot be
    shared among the processes.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_WORLD_SIZE", str(count)))
    if batch % count:
        raise InputError(
            f"[training] batch = {batch} cannot be shared among {count} processes; "
            f"set a multiple of {count}"
        )
    fabric = Fabric(
        accelerator=choose_device(device),
        devices=local,
        num_nodes=count // local,
        strategy="ddp" if count > 1 else "auto",
        precision=PRECISION[precision],
    )
    fabric.launch()
    return fabric


class PredictionTensors(nn.Module):
    """A network whose prediction comes as plain tuples, which wrappers can look into."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, fixed: Tensor, moving: Tensor
    ) -> tuple[Tensor, Tensor | None, tuple[Tensor, ...], tuple[tuple[Tensor, Tensor], ...]]:
        made: Prediction = self.network(fixed, moving)
        return made.displacement, made.velocity, made.levels, made.features
