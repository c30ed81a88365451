"""``regqc check``: the verdict on one pair of volumes, as a line, files and an exit code."""

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
    from RegQCLib.qc.alignment_report import AlignmentReport

EXIT_MISALIGNED = 3


class Device(str, Enum):
    """Where the network runs."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


def check_command(
    fixed: Annotated[
        Path, typer.Argument(metavar="FIXED", help="Fixed image: a file, or a folder of DICOM.")
    ],
    moving: Annotated[Path, typer.Argument(metavar="MOVING", help="Moving image.")],
    out: Annotated[Path, typer.Option(help="Folder for the report; made if missing.")],
    transform: Annotated[
        Path | None,
        typer.Option(help="Transform to apply first; it maps fixed points to moving points."),
    ] = None,
    inverse: Annotated[
        Path | None,
        typer.Option(help="Its inverse (moving to fixed points), to measure their consistency."),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(help="Judge only where this image, in fixed space, is not zero."),
    ] = None,
    between_people: Annotated[
        bool,
        typer.Option("--between-people", help="Two people: a transform may bend more."),
    ] = False,
    tolerance: Annotated[
        float | None,
        typer.Option(metavar="MM", help="Mean error in mm above which a pair is misaligned."),
    ] = None,
    device: Annotated[Device, typer.Option(help="Where the network runs.")] = Device.auto,
    landmarks: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="FIXED MOVING", help="Matching points (.fcsv, .mrk.json, .csv) for TG-132."
        ),
    ] = None,
    fixed_labels: Annotated[
        Path | None,
        typer.Option(help="Contours on the fixed image as a label image, for TG-132."),
    ] = None,
    moving_labels: Annotated[
        Path | None,
        typer.Option(help="The same contours on the moving image."),
    ] = None,
    fail_on_misaligned: Annotated[
        bool, typer.Option("--fail-on-misaligned", help="Exit with 3 if misaligned.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier run in the folder.")
    ] = False,
    progress: Annotated[
        ProgressMode, typer.Option(help="How to show progress.")
    ] = ProgressMode.auto,
) -> None:
    """Tell whether MOVING lies on FIXED; write a report to the folder --out and print one line."""
    from RegQCLib.outputs import output_folder

    with reporter(progress) as report_progress:
        if tolerance is not None and not 0 < tolerance < float("inf"):
            raise InputError(f"--tolerance must be a positive number of mm, got {tolerance:g}")
        if (fixed_labels is None) != (moving_labels is None):
            raise InputError("--fixed-labels and --moving-labels belong together; give both")
        paths = {
            "fixed": fixed,
            "moving": moving,
            "transform": transform,
            "inverse": inverse,
            "mask": mask,
            "landmarks": landmarks,
            "fixed_labels": fixed_labels,
            "moving_labels": moving_labels,
        }
        with output_folder(out, overwrite=overwrite) as folder:
            report = _check(
                {name: path for name, path in paths.items() if path is not None},
                part(report_progress, 0.0, 0.95),
                tolerance_mm=tolerance,
                between_people=between_people,
                device=device.value,
            )
            report_progress("writing the report", 0.95)
            report.save(folder)
        report_progress("done", 1.0)
        report_progress.result(f"{report.summary()}; report in {out}", _facts(report, out))
    print_notes(report.provenance["warnings"])
    if fail_on_misaligned and report.verdict == "misaligned":
        raise typer.Exit(EXIT_MISALIGNED)


def _check(paths: dict[str, Any], progress: Progress, **options: Any) -> AlignmentReport:
    """Read the inputs named in ``paths`` and check them; notes go to the provenance."""
    from RegQCLib.inputs import describe, read_inputs

    with collected_notes() as notes:
        inputs = read_inputs(paths, part(progress, 0.0, 0.15))
    from RegQCLib.qc.check import check  # after reading: bad inputs are told at once

    report = check(
        inputs.pop("fixed"),
        inputs.pop("moving"),
        inputs.pop("transform", None),
        inputs.pop("mask", None),
        progress=part(progress, 0.15, 1.0),
        **inputs,
        **options,
    )
    report.provenance["warnings"] = [*notes, *report.provenance.get("warnings", ())]
    report.provenance["files"] = {name: describe(path) for name, path in paths.items()}
    return report


def _facts(report: AlignmentReport, out: Path) -> dict[str, Any]:
    """Return what the last line of ``--progress json`` says."""
    names = ("verdict", "reason", "probability_misaligned", "error_mm")
    whole = report.to_dict()
    facts = {name: whole[name] for name in names}
    return {**facts, "notes": report.provenance["warnings"], "out": str(out)}
