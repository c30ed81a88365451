"""``regqc train qc``: train the slice classifier from a config file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from RegQCLib.cli.check_command import Device
from RegQCLib.cli.progress import ProgressMode, reporter
from RegQCLib.errors import Cancelled, InputError, MissingDependencyError

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
    progress: Annotated[
        ProgressMode, typer.Option(help="How to show progress.")
    ] = ProgressMode.auto,
) -> None:
    """Train the slice classifier on synthetic images; interrupted runs continue with --resume."""
    with reporter(progress) as report_progress:
        if not config.is_file():
            raise InputError(f"{config}: no such file; see RegQCLib/training/configs for examples")
        try:
            from RegQCLib.training.train_qc import train
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise MissingDependencyError(
                "training needs torch; run: pip install 'RegQC[train]'"
            ) from error
        try:
            weights = train(
                config, out, resume=resume, device=device.value, progress=report_progress
            )
        except KeyboardInterrupt:
            raise Cancelled(f"the last checkpoint is in {out}; continue with --resume") from None
        report_progress.result(f"trained; weights in {weights}", {"out": str(out)})
