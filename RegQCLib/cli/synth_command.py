"""``regqc synth``: synthetic pairs with their exact misalignment, to look at or to test with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from RegQCLib.cli.check_command import Device
from RegQCLib.cli.optional import require_packages
from RegQCLib.cli.progress import ProgressMode, reporter
from RegQCLib.errors import InputError
from RegQCLib.progress import part

LARGEST_MEAN_MM = 25.0


def synth_command(
    out: Annotated[Path, typer.Option(help="Folder for the pairs; made if missing.")],
    count: Annotated[int, typer.Option(min=1, help="How many pairs.")] = 8,
    dimensions: Annotated[
        int, typer.Option(min=2, max=3, help="2 for slices of any orientation, 3 for volumes.")
    ] = 3,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same pairs.")] = 0,
    size: Annotated[int, typer.Option(min=32, max=256, help="Longest side, voxels.")] = 112,
    mean_mm: Annotated[
        list[float] | None,
        typer.Option(
            metavar="MM", help="Mean misalignment; repeat to take several in turn. 0 is aligned."
        ),
    ] = None,
    misaligned_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of moved pairs, without --mean-mm.")
    ] = 0.5,
    difficulty: Annotated[
        float, typer.Option(min=0, max=1, help="0 draws one contrast for both, 1 mostly two.")
    ] = 1.0,
    maps: Annotated[int, typer.Option(min=1, help="Label maps to draw the scenes from.")] = 4,
    device: Annotated[Device, typer.Option(help="Where to draw.")] = Device.auto,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier run in the folder.")
    ] = False,
    progress: Annotated[
        ProgressMode, typer.Option(help="How to show progress.")
    ] = ProgressMode.auto,
) -> None:
    """Write synthetic pairs with their exact displacement, pictures and manifest.csv."""
    from RegQCLib.outputs import output_folder

    with reporter(progress) as report_progress:
        if bad := [mm for mm in mean_mm or () if not 0 <= mm <= LARGEST_MEAN_MM]:
            raise InputError(f"--mean-mm must be from 0 to {LARGEST_MEAN_MM:g} mm, got {bad[0]:g}")
        require_packages("synthesis", ("torch", "matplotlib"), "synth")
        import torch

        from RegQCLib.synthesis import write_pairs

        place = _place(device, cuda=torch.cuda.is_available())
        settings = write_pairs.PairSettings(
            count=count,
            seed=seed,
            size=size,
            mean_mm=tuple(mean_mm or ()),
            misaligned_share=misaligned_share,
            difficulty=difficulty,
        )
        write, what = (
            (write_pairs.write_slice_pairs, "slice pairs")
            if dimensions == 2
            else (write_pairs.write_volume_pairs, "volume pairs")
        )
        with output_folder(out, overwrite=overwrite) as folder:
            bank = write_pairs.draw_bank(maps, seed, place, part(report_progress, 0.0, 0.3))
            write(folder, bank, settings, part(report_progress, 0.3, 1.0))
        report_progress.result(f"{count} {what} in {out}", {"out": str(out), "count": count})


def _place(device: Device, *, cuda: bool) -> str:
    if device is Device.cuda and not cuda:
        raise InputError("--device cuda: torch sees no CUDA device; use --device cpu")
    return "cuda" if cuda and device is not Device.cpu else "cpu"
