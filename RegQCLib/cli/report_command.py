"""``regqc report``: the page, tables and files of a check with a reader's decisions on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from RegQCLib.cli.progress import ProgressMode, reporter
from RegQCLib.errors import InputError
from RegQCLib.progress import Progress, part

if TYPE_CHECKING:
    from RegQCLib.report.review import Review


def report_command(
    fixed: Annotated[Path, typer.Argument(metavar="FIXED", help="Fixed image that was checked.")],
    moving: Annotated[
        Path, typer.Argument(metavar="MOVING", help="Moving image that was checked.")
    ],
    check: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder that `regqc check` wrote for them.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the report; made if missing.")],
    transform: Annotated[
        Path | None, typer.Option(help="Transform that was checked with them.")
    ] = None,
    decisions: Annotated[
        Path | None, typer.Option(help="decisions.json: what a reader decided.")
    ] = None,
    case: Annotated[str, typer.Option(help="What to call the pair.")] = "",
    formats: Annotated[
        str, typer.Option(help="Of html, print (a page for Qt to make a PDF of), json, csv.")
    ] = "html,json,csv",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier report in the folder.")
    ] = False,
    progress: Annotated[
        ProgressMode, typer.Option(help="How to show progress.")
    ] = ProgressMode.auto,
) -> None:
    """Write the report of an earlier check again, with a reader's decisions."""
    from RegQCLib.outputs import output_folder

    with reporter(progress) as report_progress, output_folder(out, overwrite=overwrite) as folder:
        paths = {"fixed": fixed, "moving": moving, "transform": transform}
        review = _review(
            {name: path for name, path in paths.items() if path is not None},
            check,
            decisions,
            case,
            part(report_progress, 0.0, 0.5),
        )
        report_progress("writing the report", 0.5)
        review.save(folder, [name.strip() for name in formats.split(",")])
        report_progress("done", 1.0)
        report_progress.result(
            f"{review.heading}; report in {out}", {"decision": review.decision, "out": str(out)}
        )


def _review(
    paths: dict[str, Any], check: Path, decisions: Path | None, case: str, progress: Progress
) -> Review:
    """Read the check, the decisions and the images that both are about."""
    from RegQCLib.geometry.transforms import to_displacement
    from RegQCLib.inputs import read_inputs
    from RegQCLib.qc.prepare import moved_image
    from RegQCLib.report.decisions import Decisions, load_decisions
    from RegQCLib.report.review import Review
    from RegQCLib.report.saved_report import (
        read_error_map,
        read_report,
        require_same_images,
        saved_report,
    )

    content = read_report(check)
    decided = Decisions() if decisions is None else load_decisions(decisions)
    inputs = read_inputs(paths, part(progress, 0.0, 0.7))
    fixed, moving, transform = inputs["fixed"], inputs["moving"], inputs.get("transform")
    require_same_images(content, fixed, moving)
    if (transform is None) != (content["field"] is None):
        raise InputError(
            f"{check}: was made {'without' if content['field'] is None else 'with'} a transform; "
            "give the report the same inputs"
        )
    progress("resampling the moving image", 0.7)
    report = saved_report(
        content,
        fixed,
        moved_image(moving, fixed.grid, transform),
        error_map=read_error_map(check),
        displacement=None if transform is None else to_displacement(transform, fixed.grid),
    )
    return Review(report, content, decided, case)
