"""Transform files: ITK's (.tfm, .txt, .mat, .h5), Slicer's, and displacement fields as images.

Every file read or written here maps fixed-space points to moving-space points, in LPS mm, as ITK,
ANTs and elastix do; in memory everything is RAS. Formats that do not say what they map (FSL
matrices, bare 4 x 4 tables) or that RegQC does not read are refused with the reason.
"""

from __future__ import annotations

import re
from pathlib import Path

import SimpleITK as sitk

from RegQCLib.errors import InputError
from RegQCLib.geometry.atomic_file import atomic_file
from RegQCLib.geometry.field_io import FIELD_SUFFIXES, load_field, save_field
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.itk_transforms import from_itk, to_itk
from RegQCLib.geometry.transforms import (
    Affine,
    Composite,
    Transform,
    simplified,
    to_displacement,
)

TEXT_SUFFIXES = (".tfm", ".txt")
HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf")
ITK_SUFFIXES = (*TEXT_SUFFIXES, ".mat", *HDF5_SUFFIXES)

REFUSED_SUFFIXES = {
    ".lta": "a FreeSurfer transform; convert it with lta_convert --outitk",
    ".m3z": "a FreeSurfer warp; convert it with mri_warp_convert --outitk",
    ".mgz": "a FreeSurfer file; convert a warp with mri_warp_convert --outitk",
    ".xfm": "an MNI transform; convert it to an ITK .tfm, for example by saving it from 3D Slicer",
    ".x5": "an X5 transform; convert it to an ITK .h5, for example with nitransforms",
    ".xml": "not an ITK transform; save it as .tfm or .h5",
    ".json": "not an ITK transform; save it as .tfm or .h5",
}
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
HEAD_BYTES = 4096


def load_transform(path: str | Path) -> Transform:
    """Read a transform that maps fixed-space points to moving-space points.

    Linear ITK kinds become `Affine`, displacement fields `DisplacementField`, B-splines
    `BSplineField`, several of them `Composite`.
    Raises InputError, one line that names the file, what is wrong and what to do, when the file is
    missing, empty, damaged, 2-D, of an unsupported kind, not finite or singular.
    """
    file = Path(path)
    name = file.name.lower()
    try:
        _require_content(file)
        for suffix, what in REFUSED_SUFFIXES.items():
            if name.endswith(suffix):
                raise InputError(f"is {what}")
        if name.endswith(FIELD_SUFFIXES):
            return load_field(file)
        if not name.endswith(ITK_SUFFIXES):
            raise InputError(
                "is not a transform file by its name; RegQC reads "
                f"{', '.join((*ITK_SUFFIXES, *FIELD_SUFFIXES))}"
            )
        return simplified(from_itk(_read_itk(file)))
    except InputError as error:
        if str(error).startswith(str(file)):
            raise
        raise InputError(f"{file}: {error}") from error


def save_transform(transform: Transform, path: str | Path, *, grid: Grid | None = None) -> None:
    """Write a transform for ITK, ANTs, elastix and Slicer, atomically.

    path: .h5 for any kind; .tfm or .txt for all but dense fields; .mat for `Affine`;
    .nii, .nii.gz, .nrrd or .mha for a `DisplacementField`. grid: see `stored_on`; with it, every
    kind can be written as a displacement field.
    Raises InputError when the kind does not fit the suffix or the folder cannot be written.
    """
    target = Path(path)
    name = target.name.lower()
    simple = simplified(transform)
    if grid is not None:
        dense = name.endswith(FIELD_SUFFIXES)
        simple = to_displacement(simple, grid) if dense else stored_on(simple, grid)
    if name.endswith(FIELD_SUFFIXES):
        if not isinstance(simple, DisplacementField):
            raise InputError(
                f"{target}: a {type(simple).__name__} is not a displacement field; sample it on a "
                "grid with to_displacement, or write .h5"
            )
        save_field(simple, target)
        return
    if not name.endswith(ITK_SUFFIXES):
        raise InputError(f"{target}: transforms are written as .h5, .tfm, .txt, .mat or .nii.gz")
    if name.endswith(".mat") and not isinstance(simple, Affine):
        raise InputError(f"{target}: ITK's .mat holds one linear transform; write .h5 instead")
    if name.endswith(TEXT_SUFFIXES) and _has_dense_field(simple):
        raise InputError(f"{target}: a dense field as text would be huge; write .h5 instead")
    itk = to_itk(simple)
    with atomic_file(target) as temporary:
        sitk.WriteTransform(itk, str(temporary))


def stored_on(transform: Transform, grid: Grid) -> Transform:
    """The same transform with everything that bends stored at the voxels of ``grid``.

    There it is exact for every program, however it interpolates between voxels (ITK linearly, 3D
    Slicer by cubic polynomials). Beyond the grid the linear parts alone remain.
    """
    simple = simplified(transform)
    if isinstance(simple, Affine):
        return simple
    if not isinstance(simple, Composite):
        return to_displacement(simple, grid)
    linear = simplified(Composite([t for t in simple.transforms if isinstance(t, Affine)]))
    bent = to_displacement(Composite([simple, linear.inverse()]), grid)
    return Composite([bent, linear])


def _has_dense_field(transform: Transform) -> bool:
    if isinstance(transform, Composite):
        return any(_has_dense_field(part) for part in transform.transforms)
    return isinstance(transform, DisplacementField)


def _require_content(file: Path) -> None:
    if not file.exists():
        raise InputError("does not exist; check the path of the transform")
    if file.is_dir():
        raise InputError("is a folder; pass the transform file in it")
    try:
        with file.open("rb") as stream:
            first = stream.read(1)
    except OSError as error:
        raise InputError(f"cannot be opened ({error.strerror}); check its permissions") from error
    if not first:
        raise InputError("is empty; write the transform again")


def _read_itk(file: Path) -> sitk.Transform:
    with file.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    if file.name.lower().endswith(HDF5_SUFFIXES):
        _require_whole_hdf5(head, file.stat().st_size)
    else:
        _refuse_foreign_text(head)
    warned = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # ITK would print beside our one line
    try:
        return sitk.ReadTransform(str(file))
    except (RuntimeError, UnicodeDecodeError) as error:
        kind = re.search(r'Could not create an instance of "([^"]+)"', str(error))
        if kind:
            raise InputError(
                f"transforms of the kind {kind.group(1)} are not supported; "
                "convert it to a displacement field first"
            ) from error
        raise InputError("is not a transform that ITK reads, or it is damaged") from error
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(warned)


def _require_whole_hdf5(head: bytes, size: int) -> None:
    """Refuse what the HDF5 library would report with pages on stderr."""
    if not head.startswith(HDF5_SIGNATURE):
        raise InputError("is not an HDF5 file; check that its name fits its content")
    # End-of-file address in the superblock (HDF5 File Format Specification 3.0, section II.A).
    version = head[8]
    start = 40 if version < 2 else 28
    if version == 1:
        start += 4
    if len(head) < start + 8 or size < int.from_bytes(head[start : start + 8], "little"):
        raise InputError("is truncated; copy or write it again")


def _refuse_foreign_text(head: bytes) -> None:
    """Name text formats that ITK cannot read but users often pass."""
    text = head.decode("latin-1").strip()
    if text.startswith("(") and "(Transform " in text:
        raise InputError(
            "is an elastix parameter file; run elastix with "
            '(WriteITKCompositeTransform "true") or write a field with transformix -def all'
        )
    try:
        numbers = [float(word) for word in text.split()]
    except ValueError:
        return
    if len(numbers) in {9, 12, 16}:
        raise InputError(
            f"is a bare matrix of {len(numbers)} numbers, as FSL and NiftyReg write: it does not "
            "say in which coordinates or direction (FSL needs both images' headers); convert it to "
            "an ITK .tfm, for example with c3d_affine_tool -fsl2ras -oitk"
        )
