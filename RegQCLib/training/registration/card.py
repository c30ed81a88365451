"""The card of a trained model: what it is for, what made it, how good it is, where it ends."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch

from RegQCLib import __version__
from RegQCLib.geometry.atomic_file import atomic_file
from RegQCLib.training.registration.config import RegistrationConfig
from RegQCLib.training.registration.validation import MEASURES


def write_card(
    path: Path,
    config: RegistrationConfig,
    *,
    data: str,
    command: str,
    step: int,
    seconds: float,
    device: str,
    processes: int,
    parameters: int,
    validation: dict[str, float],
) -> None:
    """Write Markdown. step: of the weights. validation: means over the pairs kept for it."""
    rows = [f"| {MEASURES[name]} | {value:.4g} |" for name, value in validation.items()]
    measured = ["| measure | mean |", "|---|---|", *rows] if rows else ["No pair was kept for it."]
    training = config.training
    lines = [
        f"# {config.name}",
        "",
        f"Task: registration of two images by the network {config.network['name']} "
        f"({parameters} parameters).",
        f"Data: {data}.",
        f"Command: `{command}`",
        f"Seed {training.seed}; weights of step {step} of {training.steps}, "
        f"{training.batch} pairs a step, precision {training.precision}.",
        f"Machine: {device}, {processes} processes, {os.cpu_count()} CPU cores, "
        f"{seconds / 60:.1f} minutes; RegQC {__version__}, torch {torch.__version__}, "
        f"Python {platform.python_version()}.",
        "",
        "## Validation",
        *measured,
        "",
        "## Limits",
        "Images unlike those of the training data, and motion larger than theirs, were not "
        "measured. The weights were chosen by the validation above, which therefore flatters "
        "them; measure on images of your own with `regqc evaluate`.",
        "",
    ]
    with atomic_file(path) as temporary:
        temporary.write_text("\n".join(lines), encoding="utf-8")
