"""Train the slice models on synthetic pairs: ``regqc train qc``.

Pairs of step n are drawn from a generator seeded with (seed, n), so a resumed run sees exactly what
an uninterrupted one would have seen. The same code runs on CPU and GPU, in bf16 on both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from RegQCLib.errors import InputError
from RegQCLib.progress import Progress, silent
from RegQCLib.qc.networks.matcher import Matcher, MatcherSettings
from RegQCLib.qc.networks.slice_classifier import ClassifierSettings, SliceClassifier
from RegQCLib.synthesis.slice_pairs import SlicePairs, slice_pairs
from RegQCLib.training.checkpoint import checkpoint_of, read_checkpoint, write_checkpoint
from RegQCLib.training.classifier_task import classifier_loss
from RegQCLib.training.config import TrainingConfig, load_config
from RegQCLib.training.curves import save_curves
from RegQCLib.training.device import choose_device
from RegQCLib.training.label_bank import label_bank
from RegQCLib.training.log import TrainingLog
from RegQCLib.training.matcher_task import matcher_loss

SEED_STRIDE = 1_000_003  # steps of one seed never reach the seeds of the next

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
    checkpoint = checkpoint_of(folder, resume=resume)
    place = torch.device(choose_device(device))
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
    first = 0
    if resume:
        state = read_checkpoint(checkpoint, asdict(config))
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        first = int(state["step"])
    bank = label_bank(folder, config.bank_maps, config.bank_size, progress).to(place)
    log = TrainingLog(folder / "log.csv", keep_until=first)
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
            write_checkpoint(checkpoint, _state(config, model, optimizer, schedule, done))
            log.flush(done)
            save_curves(folder / "log.csv", folder / "curves.png")
        progress("training", done / config.steps)
    weights = folder / "weights.pt"
    write_checkpoint(weights, {"config": asdict(config), "model": model.state_dict()})
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


def _state(
    config: TrainingConfig,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    step: int,
) -> dict[str, Any]:
    return {
        "config": asdict(config),
        "step": step,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
    }
