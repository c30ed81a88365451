"""A transform for other programs: both directions, and in words what each file does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from RegQCLib.errors import InputError
from RegQCLib.geometry.fields import MAX_UNINVERTED_FRACTION, DisplacementField, invert
from RegQCLib.geometry.sitk import FLIP
from RegQCLib.geometry.transform_io import save_transform, stored_on
from RegQCLib.geometry.transforms import Affine, Transform, to_displacement
from RegQCLib.geometry.volume import Volume

FORWARD = "fixed points to moving points"
BACKWARD = "moving points to fixed points"
COORDINATES = "LPS mm (x to the patient's left, y to the back, z to the head), as ITK has them"

WORDS = """\
{what}
fixed: {fixed}
moving: {moving}

transform.h5 maps {forward}. Resampling needs this direction: with it, programs
bring the moving IMAGE onto the fixed image.
inverse.h5 maps {backward}. With it, programs bring the fixed image onto the
moving one.{residual}
Points and images go opposite ways: a POINT of the fixed image is found in the moving image with
transform.h5.
{dense}
Units and axes: {coordinates}.

3D Slicer: load transform.h5 and put the moving volume under it; it then lies on the fixed one.
  Slicer turns the file around when reading: its "to parent" direction moves moving to fixed.
ANTs: antsApplyTransforms -d 3 -i MOVING -r FIXED -t transform.h5 -o moved.nii.gz
SimpleITK: SimpleITK.Resample(moving, fixed, SimpleITK.ReadTransform("transform.h5"))
{matrix}"""

DENSE = """
displacement.nii.gz holds transform.h5 as displacements at the voxels of the fixed image (vectors of
LPS mm, intent 1007, as ANTs and ITK read them).
"""


def export_transform(
    transform: Transform, fixed: Volume, moving: Volume, directory: str | Path
) -> dict[str, Any]:
    """Write a transform for ITK, ANTs, elastix and 3D Slicer, with its inverse and explanations.

    transform: fixed to moving points, RAS mm. fixed, moving: the images; their grids and names
    count. Writes transform.h5, inverse.h5, displacement.nii.gz where it bends, transform.txt (for
    people) and transform.json (for programs); returns the content of the last.
    Raises InputError where the transform folds, so that it has no inverse, or cannot be written.
    """
    folder = Path(directory)
    stored = stored_on(transform, fixed.grid)
    save_transform(stored, folder / "transform.h5")
    facts: dict[str, Any] = {
        "fixed": fixed.name,
        "moving": moving.name,
        "units": "mm",
        "coordinates": "LPS",
        "files": {"transform.h5": FORWARD, "inverse.h5": BACKWARD},
    }
    if isinstance(stored, Affine):
        save_transform(stored.inverse(), folder / "inverse.h5")
        facts |= {
            "kind": "rigid" if stored.is_rigid() else "affine",
            "matrix_ras": stored.matrix.tolist(),
            "matrix_lps": (FLIP @ stored.matrix @ FLIP).tolist(),
        }
    else:
        dense = to_displacement(transform, fixed.grid)
        facts |= {"kind": "deformable", "inverse_error_mm": _save_inverse(dense, moving, folder)}
        save_transform(dense, folder / "displacement.nii.gz")
        facts["files"]["displacement.nii.gz"] = FORWARD
    _write(folder / "transform.json", json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
    _write(folder / "transform.txt", words(facts))
    return facts


def words(facts: dict[str, Any]) -> str:
    """Return what the files of `export_transform` are, for people."""
    matrix, residual = "", ""
    if "matrix_ras" in facts:
        rows = "\n".join(" ".join(f"{value:14.8f}" for value in row) for row in facts["matrix_ras"])
        matrix = f"\nMatrix of transform.h5 in RAS mm (3D Slicer, nibabel):\n{rows}\n"
    else:
        mean, largest = (facts["inverse_error_mm"][name] for name in ("mean", "max"))
        residual = f"\nIt was computed: going there and back misses by {mean:.3f} mm on average, "
        residual += f"at most {largest:.2f} mm."
    return WORDS.format(
        what=f"A {facts['kind']} transform, written by RegQC",
        fixed=facts["fixed"],
        moving=facts["moving"],
        forward=FORWARD.upper(),
        backward=BACKWARD.upper(),
        residual=residual,
        dense="" if "matrix_ras" in facts else DENSE,
        coordinates=COORDINATES,
        matrix=matrix,
    )


def _save_inverse(field: DisplacementField, moving: Volume, folder: Path) -> dict[str, float]:
    """Write the inverse on the moving grid; returns by how much it misses, mm."""
    found = invert(field, moving.grid)
    if found.unconverged_fraction > MAX_UNINVERTED_FRACTION:
        raise InputError(
            f"the transform has no inverse at {found.unconverged_fraction:.1%} of the voxels: it "
            "folds; correct or smooth it first"
        )
    save_transform(found.field, folder / "inverse.h5")
    return {"mean": found.mean_error_mm, "max": found.max_error_mm}


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
