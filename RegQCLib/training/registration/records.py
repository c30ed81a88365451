"""What a run leaves behind: tables, curves, pictures, events, and the best model with its card."""

from __future__ import annotations

import shlex
import sys
import time
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric
from torch import nn

from RegQCLib.registration.networks.model_file import save_model
from RegQCLib.registration.networks.prediction import Prediction
from RegQCLib.training.curves import save_curves
from RegQCLib.training.device import describe_device
from RegQCLib.training.log import TrainingLog
from RegQCLib.training.registration.card import write_card
from RegQCLib.training.registration.config import RegistrationConfig
from RegQCLib.training.registration.pairs import PairSource, TrainingPairs
from RegQCLib.training.registration.pictures import save_picture


class Records:
    """Written by the first process alone; the others only count.

    first: steps done before. before: seconds that they took.
    """

    def __init__(
        self,
        folder: Path,
        config: RegistrationConfig,
        source: PairSource,
        fabric: Fabric,
        *,
        first: int,
        before: float,
    ) -> None:
        self.folder, self.config, self.source, self.fabric = folder, config, source, fabric
        self.model = folder / "model.npz"
        self.log = TrainingLog(folder / "log.csv", keep_until=first)
        self.validation = TrainingLog(folder / "validation.csv", keep_until=first)
        self.before, self.started = before, time.perf_counter()
        self.events: Any = None
        if fabric.global_rank == 0 and find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self.events = SummaryWriter(str(folder / "tensorboard"), purge_step=first + 1)

    @property
    def seconds(self) -> float:
        """Time that training has taken so far, of all runs."""
        return self.before + time.perf_counter() - self.started

    def add(self, step: int, values: dict[str, float]) -> None:
        """Log the parts of the loss of ``step``, counted from 0."""
        self.log.add(step, values)
        self._write_events("training", step + 1, values)

    def picture(self, done: int, prediction: Prediction, pairs: TrainingPairs) -> None:
        """Draw one validation pair after ``done`` steps."""
        pictures = self.folder / "pictures"
        pictures.mkdir(exist_ok=True)
        save_picture(pictures / f"step_{done:06d}.png", prediction, pairs, f"step {done}")

    def validated(self, done: int, values: dict[str, float], network: nn.Module | None) -> None:
        """Log a validation, and write ``network``, which is the best so far."""
        if values:
            self.validation.add(done - 1, values)
            self.validation.flush(done)
            save_curves(self.folder / "validation.csv", self.folder / "validation.png")
            self._write_events("validation", done, values)
        if network is not None:
            self._write_model(done, values, network)

    def flush(self, done: int) -> None:
        """Write what was logged."""
        self.log.flush(done)
        save_curves(self.folder / "log.csv", self.folder / "curves.png")
        if self.events is not None:
            self.events.flush()

    def close(self) -> None:
        """Say that nothing more will come."""
        if self.events is not None:
            self.events.close()

    def _write_events(self, group: str, step: int, values: dict[str, float]) -> None:
        if self.events is not None:
            for name, value in values.items():
                self.events.add_scalar(f"{group}/{name}", value, step)

    def _write_model(self, done: int, values: dict[str, float], network: nn.Module) -> None:
        settings = dict(self.config.network)
        name = settings.pop("name")
        data = self.source.describe()
        about = {
            "name": self.config.name,
            "data": data,
            "step": done,
            "seed": self.config.training.seed,
            "validation": values,
            "loss": asdict(self.config.loss),
        }
        save_model(
            self.model,
            network=name,
            settings=settings,
            state=network.state_dict(),
            preprocessing=self.source.preprocessing,
            about=about,
        )
        write_card(
            self.folder / "model.md",
            self.config,
            data=data,
            command=shlex.join(["regqc", *sys.argv[1:]]),
            step=done,
            seconds=self.seconds,
            device=describe_device(self.fabric.device),
            processes=self.fabric.world_size,
            parameters=sum(p.numel() for p in network.parameters()),
            validation=values,
        )
