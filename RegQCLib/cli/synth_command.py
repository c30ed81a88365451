"""``regqc synth``: synthetic pairs with their exact misalignment, to look at or to test with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from RegQCLib.cli.check_command import Device
from RegQCLib.cli.progress import ProgressMode, part, reporter
from RegQCLib.errors import InputError, MissingDependencyError


def synth_command(
    out: Annotated[Path, typer.Option(help="Folder for the pairs; made if missing.")],
    count: Annotated[int, typer.Option(min=1, help="How many pairs.")] = 8,
    dimensions: Annotated[
        int, typer.Option(min=2, max=3, help="2 for slices of any orientation, 3 for volumes.")
    ] = 3,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same pairs.")] = 0,
    size: Annotated[int, typer.Option(min=32, max=256, help="Longest side, voxels.")] = 112,
    misaligned_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of pairs that are moved.")
    ] = 0.5,
    maps: Annotated[int, typer.Option(min=1, help="Label maps to draw the scenes from.")] = 4,
    device: Annotated[Device, typer.Option(help="Where to draw.")] = Device.auto,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier run in the folder.")
    ] = False,
    progress: Annotated[
        ProgressMode, typer.Option(help="How to show progress.")
    ] = ProgressMode.auto,
) -> None:
    """Write synthetic pairs of images with pictures and pairs.csv (needs torch)."""
    from RegQCLib.outputs import output_folder

    with reporter(progress) as report_progress:
        try:
            import torch

            from RegQCLib.cli import synth_pairs
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise MissingDependencyError(
                "synthesis needs torch; run: pip install 'RegQC[torch]'"
            ) from error
        place = _place(device, cuda=torch.cuda.is_available())
        with output_folder(out, overwrite=overwrite) as folder:
            bank = synth_pairs.label_maps(maps, seed, place, part(report_progress, 0.0, 0.3))
            write = synth_pairs.write_slices if dimensions == 2 else synth_pairs.write_volumes
            write(
                folder,
                bank,
                count=count,
                seed=seed,
                size=size,
                misaligned_share=misaligned_share,
                progress=part(report_progress, 0.3, 1.0),
            )
        what = "slice pairs" if dimensions == 2 else "volume pairs"
        report_progress.result(f"{count} {what} in {out}", {"out": str(out), "count": count})


def _place(device: Device, *, cuda: bool) -> str:
    if device is Device.cuda and not cuda:
        raise InputError("--device cuda: torch sees no CUDA device; use --device cpu")
    return "cuda" if cuda and device is not Device.cpu else "cpu"
