"""``regqc evaluate``: how good a registration is by labels, landmarks and its field."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from RegQCLib.cli.evaluate_pairs import evaluate_pairs
from RegQCLib.cli.notes import print_notes
from RegQCLib.cli.progress import ProgressMode, reporter
from RegQCLib.errors import InputError
from RegQCLib.notes import collected_notes
from RegQCLib.progress import Progress, part

if TYPE_CHECKING:
    from RegQCLib.evaluation.results import Evaluation


def evaluate_command(
    fixed_labels: Annotated[
        Path | None, typer.Option(help="Structures of the fixed image, as a label image.")
    ] = None,
    moving_labels: Annotated[
        Path | None, typer.Option(help="The same structures of the moving image.")
    ] = None,
    fixed_landmarks: Annotated[
        Path | None, typer.Option(help="Points on the fixed image (.mrk.json, .fcsv, .csv).")
    ] = None,
    moving_landmarks: Annotated[
        Path | None, typer.Option(help="The same points on the moving image, in the same order.")
    ] = None,
    transform: Annotated[
        Path | None,
        typer.Option(help="Transform to evaluate; it maps fixed points to moving points."),
    ] = None,
    inverse: Annotated[
        Path | None,
        typer.Option(help="Its inverse (moving to fixed points), to measure their consistency."),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(help="Measure the field only where this image, in fixed space, is not zero."),
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(
            help="Instead of one result: a table of pairs (as of regqc batch, with labels or "
            "landmarks), each registered by every method."
        ),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="With --pairs: rigid, similarity, affine, deformable, contrast-agnostic (the "
            "network that ships), or a model file, also as NAME=FILE; repeat it to compare several."
        ),
    ] = None,
    start: Annotated[
        str,
        typer.Option(
            help="With --pairs: where methods begin, at the 'given' transform of the pair or after "
            "a 'rigid' or 'affine' registration, whose time is not counted."
        ),
    ] = "given",
    device: Annotated[str, typer.Option(help="With --pairs: auto, cpu or cuda.")] = "auto",
    learn2reg: Annotated[
        bool,
        typer.Option("--learn2reg", help="Also give the figures as the Learn2Reg challenge does."),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for evaluation.json and evaluation.csv; made if missing."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier run in the folder.")
    ] = False,
    progress: Annotated[
        ProgressMode, typer.Option(help="How to show progress.")
    ] = ProgressMode.auto,
) -> None:
    """Measure overlap, distances, landmark errors and the regularity of a transform.

    With --pairs: of several methods of registration on a set of pairs, with Learn2Reg's ranking.
    """
    from RegQCLib.outputs import output_folder

    with reporter(progress) as report_progress:
        if pairs is not None:
            alone = (fixed_labels, fixed_landmarks, transform, inverse, mask)
            if any(path is not None for path in alone):
                raise InputError("--pairs names its files itself; leave out those of a single pair")
            notes = evaluate_pairs(
                pairs,
                method or [],
                out,
                report_progress,
                start=start,
                device=device,
                overwrite=overwrite,
            )
            print_notes(notes)
            return
        if method:
            raise InputError("--method goes with --pairs, a table of pairs to register; give it")
        _require_both("--fixed-labels", fixed_labels, "--moving-labels", moving_labels)
        _require_both("--fixed-landmarks", fixed_landmarks, "--moving-landmarks", moving_landmarks)
        paths: dict[str, Any] = {
            "fixed_labels": fixed_labels,
            "moving_labels": moving_labels,
            "landmarks": None if fixed_landmarks is None else (fixed_landmarks, moving_landmarks),
            "transform": transform,
            "inverse": inverse,
            "mask": mask,
        }
        given = {role: path for role, path in paths.items() if path is not None}
        if out is None:
            evaluation = _evaluate(given, report_progress, learn2reg=learn2reg)
        else:
            with output_folder(out, overwrite=overwrite) as folder:
                evaluation = _evaluate(given, report_progress, learn2reg=learn2reg)
                evaluation.save(folder)
        report_progress("done", 1.0)
        report_progress.result(evaluation.table(), _facts(evaluation, out))
    print_notes(evaluation.warnings)


def _require_both(name: str, one: Path | None, other_name: str, other: Path | None) -> None:
    if (one is None) != (other is None):
        raise InputError(f"{name} and {other_name} belong together; give both")


def _evaluate(paths: dict[str, Any], progress: Progress, *, learn2reg: bool) -> Evaluation:
    """Read the inputs named in ``paths`` and measure; notes go to the warnings."""
    from RegQCLib.evaluation.evaluate import evaluate
    from RegQCLib.inputs import describe, read_inputs

    with collected_notes() as notes:
        inputs = read_inputs(paths, part(progress, 0.0, 0.2))
    evaluation = evaluate(**inputs, learn2reg=learn2reg, progress=part(progress, 0.2, 0.99))
    evaluation.warnings = [*notes, *evaluation.warnings]
    evaluation.provenance["files"] = {role: describe(path) for role, path in paths.items()}
    return evaluation


def _facts(evaluation: Evaluation, out: Path | None) -> dict[str, Any]:
    """Return what the last line of ``--progress json`` says."""
    facts = evaluation.to_dict()
    notes = facts.pop("warnings")
    return {**facts, "notes": notes, "out": None if out is None else str(out)}
