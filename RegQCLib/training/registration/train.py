"""Train a registration network: ``regqc train registration``.

The pairs of a step, their augmentation and whatever else is random are functions of the seed and
the step, so a resumed run cannot be told from one without a break.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from RegQCLib.progress import Progress, part, silent
from RegQCLib.registration.networks.prediction import Prediction
from RegQCLib.registration.networks.registry import build_network
from RegQCLib.training.checkpoint import checkpoint_of, read_checkpoint, write_checkpoint
from RegQCLib.training.label_bank import label_bank
from RegQCLib.training.registration.batches import training_batch
from RegQCLib.training.registration.config import RegistrationConfig, load_config
from RegQCLib.training.registration.failures import diverged, memory_told
from RegQCLib.training.registration.image_pairs import ImagePairs
from RegQCLib.training.registration.losses import registration_loss
from RegQCLib.training.registration.pairs import (
    PairSource,
    TrainingPairs,
    seed_of,
)
from RegQCLib.training.registration.processes import PredictionTensors, start_fabric
from RegQCLib.training.registration.records import Records
from RegQCLib.training.registration.stopping import StopRequest
from RegQCLib.training.registration.validation import Best, mean_of, measure

REST = 6  # stream of random numbers, beside those of the batches


def train(
    config_path: str | Path,
    out: str | Path,
    *,
    data: str | Path | None = None,
    resume: bool = False,
    device: str = "auto",
    progress: Progress = silent,
) -> Path:
    """Train one model and return the path of its file, ``model.npz`` in ``out``.

    Beside it: its card ``model.md``, checkpoint.pt, log.csv and curves.png, validation.csv and
    validation.png, pictures of a validation pair, and, where tensorboard is installed, its events.
    data: in place of the configuration's [data] path. Started by ``torchrun``, processes share the
    batch. Raises InputError for an unusable configuration or data, for an ``out`` that holds
    another run, for ``resume`` without a checkpoint, for a loss that is not finite and for too
    little memory; what was saved stays. A stop signal is answered after the running step: with a
    checkpoint, and KeyboardInterrupt.
    """
    config = load_config(config_path, data=data)
    folder = Path(out)
    checkpoint_of(folder, resume=resume)
    fabric = start_fabric(device, config.training.precision, config.training.batch)
    return _Training(config, folder, fabric, progress).run(resume=resume)


class _Training:
    """One run. network: as built; model: the same, wrapped for precision and processes."""

    def __init__(
        self, config: RegistrationConfig, folder: Path, fabric: Fabric, progress: Progress
    ) -> None:
        self.config, self.folder, self.fabric = config, folder, fabric
        self.progress = progress if fabric.global_rank == 0 else silent
        self.settings = config.training
        torch.manual_seed(self.settings.seed)
        choice = dict(config.network)
        self.network = build_network(choice.pop("name"), choice)
        self.source = self._source()
        optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=self.settings.learning_rate,
            weight_decay=self.settings.weight_decay,
        )
        self.schedule = _schedule(optimizer, self.settings.schedule, config)
        self.model, self.optimizer = fabric.setup(PredictionTensors(self.network), optimizer)
        self.best = Best()
        self.saved = 0
        self.stop = StopRequest()

    def run(self, *, resume: bool) -> Path:
        """Train to the end, or until validation stops improving."""
        checkpoint = self.folder / "checkpoint.pt"
        seconds = 0.0
        if resume:
            state = read_checkpoint(checkpoint, asdict(self.config))
            self.saved, seconds = int(state["step"]), float(state["seconds"])
            self.network.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.schedule.load_state_dict(state["schedule"])
            self.best = Best(**state["best"])
        self.folder.mkdir(parents=True, exist_ok=True)
        records = Records(
            self.folder, self.config, self.source, self.fabric, first=self.saved, before=seconds
        )
        with StopRequest() as self.stop:
            for step in range(self.saved, self.settings.steps):
                if self._given_up():
                    break
                self._advance(step, checkpoint, records)
                self.progress("training", (step + 1) / self.settings.steps)
        records.close()
        return records.model

    def _advance(self, step: int, checkpoint: Path, records: Records) -> None:
        """One step and what is due after it. Raises KeyboardInterrupt when asked to stop."""
        values = self._step(step)
        stop = values.pop("stop") > 0
        records.add(step, values)
        done = step + 1
        validated = done == self.settings.steps or done % self.settings.validate_every == 0
        if validated:
            self._validate(records, done)
        if stop or validated or done % self.settings.checkpoint_every == 0:
            self._save(checkpoint, records, done)
        if stop:
            raise KeyboardInterrupt

    def _step(self, step: int) -> dict[str, float]:
        """Learn from the pairs of one step.

        Returns the parts of the loss, and ``stop``: whether any process was asked to.
        """
        rank = self.fabric.global_rank
        torch.manual_seed(seed_of(self.settings.seed, REST, step, rank))
        self.model.train()
        pairs = self._pairs(step)
        with memory_told(step, self.settings, tuple(pairs.fixed.shape[2:])):
            prediction = Prediction(*self.model(pairs.fixed, pairs.moving))
            if not bool(prediction.displacement.isfinite().all()):
                raise diverged(step, self.settings, self.saved)
            loss, parts = registration_loss(prediction, pairs, self.config.loss)
            self.optimizer.zero_grad(set_to_none=True)
            self.fabric.backward(loss)
            limit = self.settings.clip_norm or math.inf
            norm = nn.utils.clip_grad_norm_(self.network.parameters(), limit)
            asked = norm.new_tensor(float(self.stop.asked))
            values = self.fabric.all_reduce(
                torch.stack([*parts.values(), norm, asked]).detach(), reduce_op="mean"
            )
            assert isinstance(values, Tensor)
            if not bool(values.isfinite().all()):
                raise diverged(step, self.settings, self.saved)
            self.optimizer.step()
            self.schedule.step()
        return dict(zip([*parts, "gradient", "stop"], values.tolist(), strict=True))

    def _pairs(self, step: int) -> TrainingPairs:
        """This process's share of the pairs of a step."""
        places = range(self.fabric.global_rank, self.settings.batch, self.fabric.world_size)
        return training_batch(self.source, self.config, step, places, self.fabric.device)

    def _validate(self, records: Records, done: int) -> None:
        """Measure on the pairs kept for it, in the first process, and keep the better model."""
        improved = False
        if self.fabric.global_rank == 0:
            self.network.eval()
            rows = []
            for number in range(self.source.validation_count()):
                pairs = self.source.validation_pair(number).to(self.fabric.device)
                with torch.no_grad(), self.fabric.autocast():
                    made: Prediction = self.network(pairs.fixed, pairs.moving)
                prediction = made.float()
                rows.append(measure(prediction, pairs, self.config.loss, self.source.spacing_mm))
                if number == 0:
                    records.picture(done, prediction, pairs)
            values = mean_of(rows)
            improved = self.best.take(values, done) if rows else True
            records.validated(done, values, self.network if improved else None)
        best: dict[str, Any] = self.fabric.broadcast(asdict(self.best))
        self.best = Best(**best)

    def _given_up(self) -> bool:
        return 0 < self.settings.patience <= self.best.since

    def _save(self, checkpoint: Path, records: Records, done: int) -> None:
        if self.fabric.global_rank == 0:
            state = {
                "config": asdict(self.config),
                "step": done,
                "seconds": records.seconds,
                "model": self.network.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state_dict(),
                "best": asdict(self.best),
            }
            write_checkpoint(checkpoint, state)
            records.flush(done)
        self.saved = done

    def _source(self) -> PairSource:
        preparing = part(self.progress, 0.0, 0.0)  # the steps are the work
        axes, divisor = int(self.network.axes), int(self.network.divisor)  # type: ignore[arg-type]
        if self.config.data.source == "shapes":
            from RegQCLib.training.registration.shape_source import ShapePairs

            maps, size = self.config.data.bank_maps, self.config.data.bank_size
            bank = label_bank(self.folder, maps, size, preparing)
            return ShapePairs(self.config, bank.to(self.fabric.device))
        return ImagePairs(
            self.config, axes=axes, divisor=divisor, cache=self.folder, progress=preparing
        )


def _schedule(
    optimizer: torch.optim.Optimizer, kind: str, config: RegistrationConfig
) -> torch.optim.lr_scheduler.LRScheduler:
    if kind == "one_cycle":
        rate, steps = config.training.learning_rate, config.training.steps
        return torch.optim.lr_scheduler.OneCycleLR(
            optimizer, rate, total_steps=steps, pct_start=0.15
        )
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1.0)
