"""``regqc compress``: smaller and faster forms of a model, measured and compared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from RegQCLib.cli.optional import require_packages
from RegQCLib.cli.progress import ProgressMode, reporter
from RegQCLib.errors import Cancelled

PACKAGES = ("torch", "monai", "matplotlib", "onnx", "onnxruntime", "onnxscript", "nncf")


def compress_command(
    model: Annotated[Path, typer.Argument(help="Model file (.npz) of slices or of registration.")],
    plan: Annotated[
        Path,
        typer.Option(
            help="TOML file with a table for each step: do = prune, prune-gradually, fine-tune, "
            "prune-channels, distill, quantize-weights, quantize-aware or export; and the tables "
            "measure, choose and training."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the models, the table and the plot.")],
    progress: Annotated[
        ProgressMode, typer.Option(help="How to show progress.")
    ] = ProgressMode.auto,
) -> None:
    """Prune, quantize, distill and export a model along a plan; a stopped run goes on."""
    from RegQCLib.compression.plan import load_plan

    with reporter(progress) as report_progress:
        load_plan(plan)  # bad ones are told before torch loads
        require_packages("compression", PACKAGES, "train")
        from RegQCLib.compression.compress import compress

        try:
            best = compress(model, plan, out, progress=report_progress)
        except KeyboardInterrupt:
            raise Cancelled(
                f"finished steps are in {out}; the same command continues there"
            ) from None
        report_progress.result(
            f"chosen: {best.name} ({best.form}), {best.bytes} bytes, "
            f"{best.latency_ms:.1f} ms; files and card in {out / 'chosen'}",
            {"out": str(out), "chosen": best.name},
        )
