"""``regqc models``: the networks that ship with RegQC."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer


def models_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the shipped models with size, SHA-256 and model card."""
    from RegQCLib.cli.shipped_models import WEIGHTS, shipped_models

    models = shipped_models()
    if as_json:
        typer.echo(json.dumps([asdict(model) for model in models], indent=1))
        return
    if not models:
        typer.echo(f"no model ships in {WEIGHTS}")
    for model in models:
        state = {True: "intact", False: "DAMAGED", None: "no recorded digest"}[model.intact]
        card = model.card or "no model card"
        typer.echo(f"{model.file}  {model.size_bytes / 1e6:.2f} MB  {state}  {card}")
        typer.echo(f"  sha256 {model.sha256}")
