"""``regqc fix-slices``: put back the slices of a stack that moved while it was acquired."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from RegQCLib.cli.notes import print_notes
from RegQCLib.cli.progress import ProgressMode, reporter
from RegQCLib.errors import InputError
from RegQCLib.notes import collected_notes
from RegQCLib.progress import Progress, part

if TYPE_CHECKING:
    from RegQCLib.registration.slice_repair import SliceRepair


class Plane(str, Enum):
    """What the slices are."""

    axial = "axial"
    coronal = "coronal"
    sagittal = "sagittal"


class Model(str, Enum):
    """How a slice may have moved."""

    in_plane = "in-plane"
    rigid = "rigid"


def fix_slices_command(
    volume: Annotated[
        Path, typer.Argument(metavar="VOLUME", help="Stack to repair: a file, or a DICOM folder.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")],
    reference: Annotated[
        Path | None,
        typer.Option(help="Image of the same body, any contrast, that did not move."),
    ] = None,
    slices: Annotated[
        str | None,
        typer.Option(metavar="N,N,...", help="Slices that may have moved, from 0; else all."),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(metavar="REPORT", help="Take the slices flagged in this report.json."),
    ] = None,
    plane: Annotated[
        Plane | None, typer.Option(help="What the slices are; else along the longest voxel side.")
    ] = None,
    model: Annotated[
        Model, typer.Option(help="In its plane, or in 3-D (needs --reference).")
    ] = Model.in_plane,
    tolerance: Annotated[
        float, typer.Option(metavar="MM", help="Displacement up to which a slice is in place.")
    ] = 1.0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier run in the folder.")
    ] = False,
    progress: Annotated[
        ProgressMode, typer.Option(help="How to show progress.")
    ] = ProgressMode.auto,
) -> None:
    """Find slices of VOLUME that moved, put them back, and write the result to the folder --out.

    Slices that hold too little evidence are left alone and named.
    """
    from RegQCLib.outputs import output_folder

    with reporter(progress) as report_progress:
        if slices is not None and check is not None:
            raise InputError("--slices and --check both say which slices moved; give one of them")
        numbers = None if slices is None else parsed_numbers(slices)
        paths = {"volume": volume}
        if reference is not None:
            paths["reference"] = reference
        with output_folder(out, overwrite=overwrite) as folder:
            repair, notes = _fix(
                paths,
                part(report_progress, 0.0, 0.95),
                check=check,
                slices=numbers,
                axis=None if plane is None else plane.value,
                model=model.value,
                tolerance_mm=tolerance,
            )
            report_progress("writing the results", 0.95)
            repair.save(folder)
        report_progress("done", 1.0)
        facts = {
            "counts": repair.counts(),
            "moved": [one.index for one in repair.moved],
            "notes": notes,
            "out": str(out),
        }
        report_progress.result(f"{repair.summary()}; results in {out}", facts)
    print_notes(notes)


def parsed_numbers(text: str) -> list[int]:
    """Slice numbers from "3,4,9"; raises InputError for anything else."""
    try:
        return sorted({int(word) for word in text.split(",")})
    except ValueError:
        raise InputError(
            f"--slices takes slice numbers from 0, such as 3,4,9, got {text!r}"
        ) from None


def _fix(
    paths: dict[str, Path], progress: Progress, *, check: Path | None, **options: Any
) -> tuple[SliceRepair, list[str]]:
    """Read the inputs and repair; returns it and all notes."""
    from RegQCLib.inputs import describe, read_inputs

    with collected_notes() as notes:
        inputs = read_inputs(paths, part(progress, 0.0, 0.1))
    from RegQCLib.registration.slices import fix_slices  # after reading: bad inputs at once

    volume = inputs["volume"]
    if check is not None:
        from RegQCLib.registration.slices_flagged import flagged_slices

        options["slices"] = flagged_slices(check, volume, options["axis"])
        if not options["slices"]:
            notes.append("the check flagged no slice of this stack; nothing was examined")
    repair = fix_slices(
        volume, inputs.get("reference"), progress=part(progress, 0.1, 1.0), **options
    )
    files = paths if check is None else {**paths, "check": check}
    repair.provenance["files"] = {name: describe(path) for name, path in files.items()}
    return repair, [*notes, *repair.notes]
