"""``regqc register``: align one pair, check the result, and write transforms that others read."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from RegQCLib.cli.check_command import EXIT_MISALIGNED, Device
from RegQCLib.cli.notes import collected_notes, print_notes
from RegQCLib.cli.progress import ProgressMode, reporter
from RegQCLib.errors import InputError
from RegQCLib.progress import part

if TYPE_CHECKING:
    from RegQCLib.registration.registration import Registration


class Kind(str, Enum):
    """How the moving image may move."""

    rigid = "rigid"
    similarity = "similarity"
    affine = "affine"


def register_command(
    fixed: Annotated[
        Path, typer.Argument(metavar="FIXED", help="Fixed image: a file, or a folder of DICOM.")
    ],
    moving: Annotated[Path, typer.Argument(metavar="MOVING", help="Moving image.")],
    out: Annotated[Path, typer.Option(help="Folder for the results; made if missing.")],
    kind: Annotated[Kind, typer.Option(help="What may move.")] = Kind.rigid,
    init: Annotated[
        Path | None,
        typer.Option(help="Transform to start from; it maps fixed points to moving points."),
    ] = None,
    fixed_mask: Annotated[
        Path | None, typer.Option(help="Compare only where this image, in fixed space, is not 0.")
    ] = None,
    moving_mask: Annotated[Path | None, typer.Option(help="The same in moving space.")] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(metavar="MM", help="Mean error in mm above which a pair is misaligned."),
    ] = None,
    device: Annotated[Device, typer.Option(help="Where it runs.")] = Device.auto,
    fail_on_misaligned: Annotated[
        bool, typer.Option("--fail-on-misaligned", help="Exit with 3 if still misaligned.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier run in the folder.")
    ] = False,
    progress: Annotated[
        ProgressMode, typer.Option(help="How to show progress.")
    ] = ProgressMode.auto,
) -> None:
    """Align MOVING to FIXED, check the result, and write it to the folder --out.

    A result that the check finds worse than the start is not kept.
    """
    from RegQCLib.outputs import output_folder

    with reporter(progress) as report_progress:
        if tolerance is not None and not 0 < tolerance < float("inf"):
            raise InputError(f"--tolerance must be a positive number of mm, got {tolerance:g}")
        paths = {
            "fixed": fixed,
            "moving": moving,
            "transform": init,
            "fixed_mask": fixed_mask,
            "moving_mask": moving_mask,
        }
        with output_folder(out, overwrite=overwrite) as folder:
            found, notes = _register(
                {name: path for name, path in paths.items() if path is not None},
                kind.value,
                report_progress,
                tolerance_mm=tolerance,
                device=device.value,
            )
            report_progress("writing the results", 0.95)
            found.save(folder)
        report_progress("done", 1.0)
        facts = {**found.to_dict(), "out": str(out), "notes": notes}
        kept = ("kind", "kept", "limits", "before", "after", "notes", "out")
        report_progress.result(
            f"{found.summary()}; results in {out}", {name: facts[name] for name in kept}
        )
    print_notes(notes)
    if fail_on_misaligned and found.after.verdict == "misaligned":
        raise typer.Exit(EXIT_MISALIGNED)


def _register(
    paths: dict[str, Any],
    kind: str,
    progress: Any,
    **options: Any,
) -> tuple[Registration, list[str]]:
    """Read the inputs named in ``paths`` and register them; returns it and notes on the files."""
    from RegQCLib.cli.inputs import describe, read_inputs

    with collected_notes() as notes:
        inputs = read_inputs(paths, part(progress, 0.0, 0.1))
    from RegQCLib.registration.register import register  # after reading: bad inputs at once

    found = register(
        inputs.pop("fixed"),
        inputs.pop("moving"),
        kind,
        init=inputs.pop("transform", None),
        progress=part(progress, 0.1, 0.95),
        **inputs,
        **options,
    )
    found.provenance["files"] = {name: describe(path) for name, path in paths.items()}
    return found, [*notes]
