"""``regqc train qc``: train the slice classifier from a config file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from RegQCLib.cli.check_command import Device
from RegQCLib.errors import InputError, MissingDependencyError

app = typer.Typer(help="Train a network (needs torch).", no_args_is_help=True)


@app.command("qc")
def train_qc_command(
    config: Annotated[Path, typer.Option(help="Training configuration.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoints, logs and the model.")] = Path(
        "runs/qc"
    ),
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the last checkpoint in --out.")
    ] = False,
    device: Annotated[Device, typer.Option(help="Where to train.")] = Device.auto,
) -> None:
    """Train the slice classifier on synthetic images; interrupted runs continue with --resume."""
    if not config.is_file():
        raise InputError(f"{config}: no such configuration file; see RegQCLib/training/configs")
    try:
        from RegQCLib.training.train_qc import train
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingDependencyError(
            "training needs torch; run: pip install 'RegQC[train]'"
        ) from error
    train(config, out, resume, device.value)
