"""``regqc export``: a transform for other programs, its inverse, and the moved image."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from RegQCLib.cli.progress import ProgressMode, reporter
from RegQCLib.progress import part


class Interpolation(str, Enum):
    """How values between voxels are made."""

    linear = "linear"
    nearest = "nearest"
    cubic = "cubic"


def export_command(
    fixed: Annotated[Path, typer.Argument(metavar="FIXED", help="Fixed image.")],
    moving: Annotated[Path, typer.Argument(metavar="MOVING", help="Moving image.")],
    out: Annotated[Path, typer.Option(help="Folder for the files; made if missing.")],
    transform: Annotated[
        Path | None, typer.Option(help="Maps fixed points to moving points; none: identity.")
    ] = None,
    moved: Annotated[
        bool, typer.Option(help="Also write the moving image on the grid of the fixed one.")
    ] = True,
    interpolation: Annotated[
        Interpolation, typer.Option(help="For the moved image; nearest keeps labels.")
    ] = Interpolation.linear,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace earlier files of RegQC in the folder.")
    ] = False,
    progress: Annotated[
        ProgressMode, typer.Option(help="How to show progress.")
    ] = ProgressMode.auto,
) -> None:
    """Write a transform for ITK, ANTs and 3D Slicer, both directions, and say what they do."""
    from RegQCLib.geometry.image_io import save_volume
    from RegQCLib.geometry.resample import resample
    from RegQCLib.geometry.transform_export import export_transform
    from RegQCLib.geometry.transforms import Affine
    from RegQCLib.inputs import read_inputs
    from RegQCLib.outputs import output_folder

    with reporter(progress) as tell, output_folder(out, overwrite=overwrite) as folder:
        paths = {"fixed": fixed, "moving": moving, "transform": transform}
        inputs = read_inputs({k: p for k, p in paths.items() if p is not None}, part(tell, 0, 0.3))
        motion = inputs.get("transform") or Affine.identity()
        tell("writing the transform and its inverse", 0.3)
        facts = export_transform(motion, inputs["fixed"], inputs["moving"], folder)
        if moved:
            tell("resampling the moving image", 0.8)
            image = resample(
                inputs["moving"],
                inputs["fixed"].grid,
                motion,
                interpolation=interpolation.value,
                outside=float(inputs["moving"].array.min()),
            )
            save_volume(image, folder / "moved.nii.gz")
        tell("done", 1.0)
        tell.result(f"{facts['kind']} transform written to {out}", {**facts, "out": str(out)})
