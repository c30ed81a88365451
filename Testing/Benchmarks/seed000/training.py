"""Training one classifier; network, loss, schedule and number of pairs are every source's."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from RegQCLib.progress import Progress, silent
from RegQCLib.qc.inference import WEIGHTS
from RegQCLib.qc.networks.slice_classifier import ClassifierSettings, SliceClassifier
from RegQCLib.synthesis.slice_pairs import SlicePairs
from RegQCLib.training.classifier_task import classifier_loss
from RegQCLib.training.config import TrainingConfig
from RegQCLib.training.train_qc import build_network, draw_pairs
from RegQCLib.weights_io import load_weights
from Testing.Benchmarks.seed000.slices import LabeledSlices, real_slices
from Testing.Benchmarks.seed000.stacks import Stack

LOG_EVERY = 20
FLOOR = 0.01  # of the first learning rate, at the end

Draw = Callable[[int], SlicePairs | LabeledSlices]


def synthetic_source(config: TrainingConfig, bank: Tensor) -> Draw:
    """Batches of synthmed, as `regqc train qc` draws them."""
    return lambda step: draw_pairs(config, bank, step)


def real_source(config: TrainingConfig, stacks: list[Stack]) -> Draw:
    """Batches of real pairs, with the same curriculum."""
    ramp = max(1.0, config.curriculum * config.steps)
    return lambda step: real_slices(
        stacks,
        config.batch,
        config.size,
        seed=(config.seed, step),
        difficulty=min(1.0, step / ramp),
    )


def train(
    config: TrainingConfig, draw: Draw, *, progress: Progress = silent
) -> tuple[nn.Module, dict[str, Any]]:
    """Train from random weights by Adam with a learning rate that falls along a cosine.

    Returns the network and what is recorded of its training: pairs seen, seconds, loss curve.
    """
    torch.manual_seed(config.seed)
    model, _ = build_network(config)
    model = model.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimizer, config.steps, eta_min=FLOOR * config.learning_rate
    )
    wall, processor = time.perf_counter(), time.process_time()
    curve: list[dict[str, float]] = []
    recent: list[dict[str, float]] = []
    for step in range(config.steps):
        batch = draw(step)
        with torch.autocast("cpu", torch.bfloat16):
            loss, values = classifier_loss(model, batch)  # type: ignore[arg-type]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        recent.append(values)
        if (step + 1) % LOG_EVERY == 0 or step + 1 == config.steps:
            means = {k: round(sum(v[k] for v in recent) / len(recent), 4) for k in values}
            curve.append({"step": step + 1, **means})
            recent = []
        progress(f"training on {config.name}", (step + 1) / config.steps)
    seconds = time.perf_counter() - wall
    return model.eval(), {
        "settings": asdict(config),
        "pairs_seen": config.steps * config.batch,
        "seconds": round(seconds, 1),
        "processor_seconds": round(time.process_time() - processor, 1),
        "seconds_per_step": round(seconds / config.steps, 3),
        "curve": curve,
    }


def train_or_load(
    config: TrainingConfig,
    source: Callable[[], Draw],
    path: Path,
    about: dict[str, Any],
    *,
    progress: Progress = silent,
) -> tuple[nn.Module, dict[str, Any]]:
    """The model kept at ``path`` when it was trained by the same settings on the same subjects.

    ``about`` names the training data. A model of other settings at ``path`` is replaced.
    """
    if path.exists():
        stored = torch.load(path, weights_only=True)
        if stored["record"]["settings"] == asdict(config) and stored["about"] == about:
            model, _ = build_network(config)
            model.load_state_dict(stored["model"])
            return model.eval(), stored["record"]
    model, record = train(config, source(), progress=progress)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".partial")
    torch.save({"record": record, "about": about, "model": model.state_dict()}, temporary)
    temporary.replace(path)
    return model, record


def shipped_classifier(folder: Path = WEIGHTS) -> nn.Module | None:
    """The classifier that ships, or None where it has not been installed."""
    path = folder / "slice_classifier.npz"
    if not path.is_file():
        return None
    arrays, settings = load_weights(path)
    model = SliceClassifier(ClassifierSettings(**settings))
    model.load_state_dict({name: torch.as_tensor(array) for name, array in arrays.items()})
    return model.eval()
