"""``regqc register``: align one pair, check the result, and write transforms that others read."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from RegQCLib.cli.check_command import EXIT_MISALIGNED, Device
from RegQCLib.cli.notes import print_notes
from RegQCLib.cli.progress import ProgressMode, reporter
from RegQCLib.errors import InputError
from RegQCLib.notes import collected_notes
from RegQCLib.progress import Progress, part
from RegQCLib.registration.networks.names import NETWORK_NAMES

if TYPE_CHECKING:
    from RegQCLib.registration.registration import Registration

DEFORM = "Deformable only"
PREPARE = "Preprocessing, seen by the registration only"
MEASURES = {
    "deformable": ("auto", "mind", "lncc", "mi", "ssd"),
    "linear": ("mi", "nmi", "ncc", "ssd", "cr"),
}


class Kind(str, Enum):
    """How the moving image may move, without a trained network."""

    rigid = "rigid"
    similarity = "similarity"
    affine = "affine"
    deformable = "deformable"


class AnyKind(str, Enum):
    """The same, and the networks that need a trained model."""

    rigid = "rigid"
    similarity = "similarity"
    affine = "affine"
    deformable = "deformable"
    voxelmorph_1 = "voxelmorph-1"
    voxelmorph_2 = "voxelmorph-2"
    voxelmorph_diff = "voxelmorph-diff"
    sparsevm = "sparsevm"
    localnet = "localnet"
    globalnet = "globalnet"
    label_reg = "label-reg"
    contrast_agnostic = "contrast-agnostic"


class DeformationModel(str, Enum):
    """How a deformation is described."""

    displacement = "displacement"
    velocity = "velocity"


def register_command(
    fixed: Annotated[
        Path, typer.Argument(metavar="FIXED", help="Fixed image: a file, or a folder of DICOM.")
    ],
    moving: Annotated[Path, typer.Argument(metavar="MOVING", help="Moving image.")],
    out: Annotated[Path, typer.Option(help="Folder for the results; made if missing.")],
    kind: Annotated[
        AnyKind,
        typer.Option(
            help="What may move, or a network with --weights; affine comes before all that bend."
        ),
    ] = AnyKind.rigid,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="Model file (.npz, or .xml as regqc compress exports it) of the network that "
            "--kind names; contrast-agnostic ships one."
        ),
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option(help="Transform to start from; it maps fixed points to moving points."),
    ] = None,
    measure: Annotated[
        str | None,
        typer.Option(
            help="What to compare by. "
            + "; ".join(f"{kind}: {', '.join(names)}" for kind, names in MEASURES.items())
            + "."
        ),
    ] = None,
    fixed_mask: Annotated[
        Path | None,
        typer.Option(
            help="Compare only where this image, in fixed space, is not 0 (a brain mask, say)."
        ),
    ] = None,
    moving_mask: Annotated[Path | None, typer.Option(help="The same in moving space.")] = None,
    region: Annotated[
        Path | None,
        typer.Option(
            help="Deform only where this image, in fixed space, is not 0.",
            rich_help_panel=DEFORM,
        ),
    ] = None,
    landmarks: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="FIXED MOVING",
            help="Points (.fcsv, .mrk.json, .csv) that belong together.",
            rich_help_panel=DEFORM,
        ),
    ] = None,
    fixed_labels: Annotated[
        Path | None,
        typer.Option(
            help="Label image whose numbers belong to those of --moving-labels.",
            rich_help_panel=DEFORM,
        ),
    ] = None,
    moving_labels: Annotated[
        Path | None, typer.Option(help="The same in moving space.", rich_help_panel=DEFORM)
    ] = None,
    stiffness: Annotated[
        Path | None,
        typer.Option(
            help="Image, in fixed space, of factors on the regularization; 1 is usual.",
            rich_help_panel=DEFORM,
        ),
    ] = None,
    model: Annotated[
        DeformationModel | None,
        typer.Option(help="velocity never folds, and takes longer.", rich_help_panel=DEFORM),
    ] = None,
    inverse_consistent: Annotated[
        bool,
        typer.Option(
            "--inverse-consistent",
            help="The same result with the images exchanged.",
            rich_help_panel=DEFORM,
        ),
    ] = False,
    max_memory: Annotated[
        float | None,
        typer.Option(
            metavar="GB",
            help="Memory for the deformation; coarser voxels are taken where it is too little.",
            rich_help_panel=DEFORM,
        ),
    ] = None,
    clip: Annotated[
        tuple[float, float] | None,
        typer.Option(
            metavar="LOW HIGH",
            help="Cut off intensities beyond these percentiles of each image.",
            rich_help_panel=PREPARE,
        ),
    ] = None,
    resample: Annotated[
        float | None,
        typer.Option(
            metavar="MM", help="Average finer voxels up to this size.", rich_help_panel=PREPARE
        ),
    ] = None,
    crop: Annotated[
        bool,
        typer.Option(
            "--crop", help="Cut both images to the body, or the mask.", rich_help_panel=PREPARE
        ),
    ] = False,
    between_people: Annotated[
        bool,
        typer.Option("--between-people", help="Two people: a transform may bend more."),
    ] = False,
    tolerance: Annotated[
        float | None,
        typer.Option(metavar="MM", help="Mean error in mm above which a pair is misaligned."),
    ] = None,
    device: Annotated[Device, typer.Option(help="Where it runs.")] = Device.auto,
    seed: Annotated[int, typer.Option(help="Of the random choices.")] = 0,
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

    A step that the check finds worse than what was there before is not kept.
    """
    from RegQCLib.outputs import output_folder

    with reporter(progress) as report_progress:
        _require_positive(tolerance=tolerance, max_memory=max_memory, resample=resample)
        if (fixed_labels is None) != (moving_labels is None):
            raise InputError("--fixed-labels and --moving-labels belong together; give both")
        _require_measure(measure, kind.value)
        paths = {
            "fixed": fixed,
            "moving": moving,
            "transform": init,
            "fixed_mask": fixed_mask,
            "moving_mask": moving_mask,
            "region": region,
            "landmarks": landmarks,
            "fixed_labels": fixed_labels,
            "moving_labels": moving_labels,
            "stiffness": stiffness,
        }
        with output_folder(out, overwrite=overwrite) as folder:
            found, notes = _register(
                {name: path for name, path in paths.items() if path is not None},
                kind.value,
                report_progress,
                prepare={"clip": clip, "resample_mm": resample, "crop": crop},
                measure=measure,
                model=None if model is None else model.value,
                inverse_consistent=inverse_consistent,
                max_memory_gb=max_memory,
                weights=weights,
                tolerance_mm=tolerance,
                between_people=between_people,
                device=device.value,
                seed=seed,
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


def _require_positive(**values: float | None) -> None:
    units = {"max_memory": "GB"}
    for name, value in values.items():
        if value is not None and not 0 < value < float("inf"):
            option, unit = name.replace("_", "-"), units.get(name, "mm")
            raise InputError(f"--{option} must be a positive number of {unit}, got {value:g}")


def _require_measure(measure: str | None, kind: str) -> None:
    if kind in NETWORK_NAMES:
        return  # refused with all that networks have no use for
    known = MEASURES["deformable" if kind == Kind.deformable.value else "linear"]
    if measure is not None and measure not in known:
        raise InputError(
            f"--measure of a {kind} registration is one of {', '.join(known)}, got {measure}"
        )


def _register(
    paths: dict[str, Any],
    kind: str,
    progress: Progress,
    *,
    prepare: dict[str, Any],
    **options: Any,
) -> tuple[Registration, list[str]]:
    """Read the inputs named in ``paths`` and register them; returns it and notes on the files."""
    from RegQCLib.inputs import describe, read_inputs

    with collected_notes() as notes:
        inputs = read_inputs(paths, part(progress, 0.0, 0.1), flat=True)
    from RegQCLib.registration.preprocess import Preprocessing
    from RegQCLib.registration.register import register  # after reading: bad inputs at once

    found = register(
        inputs.pop("fixed"),
        inputs.pop("moving"),
        kind,
        init=inputs.pop("transform", None),
        preprocessing=Preprocessing(**prepare),
        progress=part(progress, 0.1, 0.95),
        **inputs,
        **options,
    )
    found.provenance["files"] = {name: describe(path) for name, path in paths.items()}
    return found, [*notes]
