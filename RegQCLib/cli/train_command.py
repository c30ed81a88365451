"""``regqc train qc|registration``: train a model from a configuration."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
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

        with _resumable(out):
            weights = train(
                config, out, resume=resume, device=device.value, progress=report_progress
            )
        report_progress.result(f"trained; weights in {weights}", {"out": str(out)})


@app.command("registration")
def train_registration_command(
    config: Annotated[
        Path,
        typer.Option(
            help="A TOML file, or the name of a shipped one, such as registration_voxelmorph1."
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(help="Folder or CSV table of images, in place of the [data] path."),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder for checkpoints, logs, pictures and the model.")
    ] = Path("runs/registration"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the last checkpoint in --out.")
    ] = False,
    device: Annotated[Device, typer.Option(help="Where to train.")] = Device.auto,
    progress: Annotated[
        ProgressMode, typer.Option(help="How to show progress.")
    ] = ProgressMode.auto,
) -> None:
    """Train a registration network; interrupted runs continue with --resume.

    Several GPUs: torchrun --nproc-per-node N -m RegQCLib train registration --config FILE
    """
    from RegQCLib.training.registration.config import load_config

    first = os.environ.get("RANK", "0") == "0"  # of the processes that torchrun started
    with reporter(progress if first else ProgressMode.none) as report_progress:
        load_config(config, data=data)  # bad ones are told before torch loads
        require_packages("training", ("torch", "lightning_fabric", "matplotlib"), "train")
        from RegQCLib.training.registration.train import train

        with _resumable(out):
            model = train(
                config,
                out,
                data=data,
                resume=resume,
                device=device.value,
                progress=report_progress,
            )
        if first:
            report_progress.result(f"trained; model in {model}", {"out": str(out)})


@contextmanager
def _resumable(out: Path) -> Iterator[None]:
    """Say how to go on where the block is interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        if (out / "checkpoint.pt").exists():
            raise Cancelled(f"the last checkpoint is in {out}; continue with --resume") from None
        raise Cancelled(f"no checkpoint is in {out} yet; start again without --resume") from None
