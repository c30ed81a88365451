"""Train the slice models on synthetic pairs: ``regqc train qc``.

Pairs of step n are drawn from a generator seeded with (seed, n), so a resumed run sees exactly what
an uninterrupted one would have seen. The same code runs on CPU and GPU, in bf16 on both.
"""

from __future__ import annotations

import csv
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from RegQCLib.errors import InputError
from RegQCLib.geometry.atomic_file import atomic_file
from RegQCLib.progress import Progress, silent
from RegQCLib.qc.networks.matcher import Matcher, MatcherSettings
from RegQCLib.qc.networks.slice_classifier import ClassifierSettings, SliceClassifier
from RegQCLib.synthesis.label_maps import load_or_make_bank
from RegQCLib.synthesis.slice_pairs import SlicePairs, slice_pairs
from RegQCLib.training.classifier_task import classifier_loss
from RegQCLib.training.config import TrainingConfig, load_config
from RegQCLib.training.curves import save_curves
from RegQCLib.training.matcher_task import matcher_loss

LOG_EVERY = 20
SEED_STRIDE = 1_000_003  # steps of one seed never reach the seeds of the next
BANK_SEED = 1000

Loss = Callable[[Any, SlicePairs], tuple[Tensor, dict[str, float]]]


def build_network(config: TrainingConfig) -> tuple[nn.Module, Loss]:
    """The network a configuration asks for, with fresh weights, and its loss."""
    try:
        if config.model == "matcher":
            return Matcher(MatcherSettings(**config.network)), matcher_loss
        if config.model == "slice_classifier":
            return SliceClassifier(ClassifierSettings(**config.network)), classifier_loss
    except TypeError as error:
        raise InputError(f"network settings of {config.model}: {error}") from None
    raise InputError(f"unknown model {config.model!r}; known: matcher, slice_classifier")


def train(
    config_path: str | Path,
    out: str | Path,
    *,
    resume: bool = False,
    device: str = "auto",
    progress: Progress = silent,
) -> Path:
    """Train one model and return the path of its weights.

    Writes into ``out``: checkpoint.pt (every ``checkpoint_every`` steps), log.csv, curves.png and,
    at the end, weights.pt. Raises InputError for an unusable configuration, for an ``out`` that
    holds another run, and for ``resume`` without a checkpoint.
    """
    config = load_config(config_path)
    folder = Path(out)
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists() and not resume:
        raise InputError(f"{folder} holds a training run; pass --resume to continue it")
    if resume and not checkpoint.exists():
        raise InputError(f"{folder} holds no checkpoint to resume from; leave out --resume")
    place = torch.device(_choose_device(device))
    torch.manual_seed(config.seed)
    model, loss_of = build_network(config)
    folder.mkdir(parents=True, exist_ok=True)
    model = model.to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=config.steps, pct_start=0.15
    )
    first = _restore(checkpoint, config, model, optimizer, schedule) if resume else 0
    bank = _bank(config, folder, progress).to(place)
    log = _Log(folder / "log.csv", keep_until=first)
    model.train()
    for step in range(first, config.steps):
        pairs = draw_pairs(config, bank, step)
        with torch.autocast(place.type, torch.bfloat16):
            loss, values = loss_of(model, pairs)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        log.add(step, values)
        done = step + 1
        if done % config.checkpoint_every == 0 or done == config.steps:
            _save(checkpoint, config, model, optimizer, schedule, done)
            log.flush(done)
            save_curves(folder / "log.csv", folder / "curves.png")
        progress("training", done / config.steps)
    weights = folder / "weights.pt"
    _write(weights, {"config": asdict(config), "model": model.state_dict()})
    return weights


def draw_pairs(config: TrainingConfig, bank: Tensor, step: int) -> SlicePairs:
    """The pairs of one training step; a function of the configuration and the step alone."""
    generator = torch.Generator(bank.device).manual_seed(config.seed * SEED_STRIDE + step)
    ramp = max(1.0, config.curriculum * config.steps)
    return slice_pairs(
        bank,
        config.batch,
        config.size,
        generator,
        difficulty=min(1.0, step / ramp),
        misaligned_share=config.misaligned_share,
    )


class _Log:
    """Means of the logged values every LOG_EVERY steps and at every checkpoint, as CSV."""

    def __init__(self, path: Path, *, keep_until: int) -> None:
        self.path, self.started = path, time.perf_counter()
        self.pending: list[dict[str, float]] = []
        self.rows: list[dict[str, float]] = []
        if keep_until and path.exists():
            with path.open(newline="", encoding="utf-8") as stream:
                rows = [
                    {**{k: float(v) for k, v in row.items()}, "step": int(row["step"])}
                    for row in csv.DictReader(stream)
                ]
            self.rows = [row for row in rows if row["step"] <= keep_until]
        self.before = self.rows[-1]["seconds"] if self.rows else 0.0

    def add(self, step: int, values: dict[str, float]) -> None:
        self.pending.append(values)
        if (step + 1) % LOG_EVERY == 0:
            self._close(step + 1)

    def flush(self, step: int) -> None:
        if self.pending:  # a resumed run must not miss them
            self._close(step)
        with self.path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, fieldnames=list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)

    def _close(self, step: int) -> None:
        names = self.pending[0]
        mean = {k: sum(v[k] for v in self.pending) / len(self.pending) for k in names}
        seconds = self.before + time.perf_counter() - self.started
        self.rows.append({"step": step, "seconds": round(seconds, 1), **mean})
        self.pending = []


def _choose_device(device: str) -> str:
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("no CUDA device is available; use --device cpu or auto")
    return device


def _bank(config: TrainingConfig, folder: Path, progress: Progress) -> Tensor:
    cache = Path(os.environ.get("REGQC_CACHE", folder))
    path = cache / f"label_maps_{config.bank_maps}x{config.bank_size}.npy"
    return load_or_make_bank(
        path, count=config.bank_maps, size=config.bank_size, seed=BANK_SEED, progress=progress
    )


def _save(
    path: Path,
    config: TrainingConfig,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    step: int,
) -> None:
    state = {
        "config": asdict(config),
        "step": step,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "versions": {"torch": str(torch.__version__), "python": platform.python_version()},
    }
    _write(path, state)


def _restore(
    path: Path,
    config: TrainingConfig,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> int:
    try:
        state = torch.load(path, weights_only=True)
        stored, step = state["config"], int(state["step"])
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, UnpicklingError):
        raise InputError(f"{path}: damaged or no checkpoint; use a new output folder") from None
    if stored != asdict(config):
        raise InputError(f"{path} belongs to another configuration; use a new output folder")
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    return step


def _write(path: Path, state: dict[str, Any]) -> None:
    with atomic_file(path) as temporary:
        torch.save(state, temporary)
