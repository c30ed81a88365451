"""``regqc train qc``: train a slice model from a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from RegQCLib.cli.check_command import Device
from RegQCLib.cli.optional import require_packages
from RegQCLib.cli.progress import ProgressMode, reporter
from RegQCLib.errors import Cancelled

app = typer.Typer(help="Train a network (needs torch).", no_args_is_help=True)


@app.command("qc")
def train_qc_command(
    config: Annotated[
        Path,
        typer.Option(help="A TOML file, or the name of a shipped one: matcher, slice_classifier."),
    ],
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
    from RegQCLib.training.config import load_config

    with reporter(progress) as report_progress:
        load_config(config)  # bad ones are told before torch loads
        require_packages("training", ("torch", "monai", "matplotlib"), "train")
        from RegQCLib.training.train_qc import train

        try:
            weights = train(
                config, out, resume=resume, device=device.value, progress=report_progress
            )
        except KeyboardInterrupt:
            raise Cancelled(f"the last checkpoint is in {out}; continue with --resume") from None
        report_progress.result(f"trained; weights in {weights}", {"out": str(out)})
