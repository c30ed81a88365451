"""Displacement fields as image files: NIfTI, NRRD and MetaImage, in the convention of ANTs and ITK.

NIfTI: (X, Y, Z, 1, 3) with intent 1007 (vector); NRRD and MetaImage: three values a voxel. The
vectors are LPS mm and lead from fixed-space points to moving-space points. NIfTI's own intent 1006
(displacement vector) means RAS mm, as in ITK. Files of other programs that look alike but mean
something else (FSL, SPM, NiftyReg) are refused with the reason.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from nibabel.filebasedimages import ImageFileError

from RegQCLib.errors import InputError
from RegQCLib.geometry.atomic_file import atomic_file
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.itk_io import MAX_HEADER_BYTES, check_meta
from RegQCLib.geometry.itk_transforms import flipped, from_vector_image, to_vector_image
from RegQCLib.geometry.memory import require_memory

NIFTI_SUFFIXES = (".nii", ".nii.gz")
FIELD_SUFFIXES = (*NIFTI_SUFFIXES, ".nrrd", ".nhdr", ".mha", ".mhd")
WRITABLE_SUFFIXES = (*NIFTI_SUFFIXES, ".nrrd", ".mha")
"""One file each: two-file formats cannot be replaced in one step."""

VECTOR_BYTES = 24
"""Per voxel while reading: the stored vectors and their copy in RAS, float32."""

INTENT_DISPLACEMENT = 1006
INTENT_VECTOR = 1007
FSL_INTENTS = {
    2006: "FNIRT displacement field",
    2007: "FNIRT spline coefficients",
    2008: "FNIRT cosine coefficients",
    2009: "FNIRT quadratic spline coefficients",
}
FSL_REMEDY = (
    "its displacements depend on voxel size and handedness of both images, which the file does not "
    "hold; convert it, for example with wb_command -convert-warpfield -from-fnirt ... -to-itk"
)


def load_field(path: str | Path) -> DisplacementField:
    """Read a displacement field (RAS mm in memory).

    Raises InputError, one line, for a file that is missing, empty, damaged, a plain image, of
    another number of axes, not finite, or of FSL, SPM or NiftyReg.
    """
    file = Path(path)
    try:
        if file.name.lower().endswith(NIFTI_SUFFIXES):
            return _load_nifti(file)
        return _load_itk(file)
    except InputError as error:
        if str(error).startswith(str(file)):
            raise
        raise InputError(f"{file}: {error}") from error


def save_field(field: DisplacementField, path: str | Path) -> None:
    """Write a displacement field that ITK, ANTs and Slicer read, atomically.

    path: ends in .nii, .nii.gz, .nrrd or .mha. Values are stored as float32.
    Raises InputError for another suffix or a folder that cannot be written.
    """
    target = Path(path)
    name = target.name.lower()
    if not name.endswith(WRITABLE_SUFFIXES):
        raise InputError(f"{target}: fields are written as {', '.join(WRITABLE_SUFFIXES)}")
    single = DisplacementField(field.array.astype(np.float32, copy=False), field.affine)
    with atomic_file(target) as temporary:
        if name.endswith(NIFTI_SUFFIXES):
            voxels = np.moveaxis(flipped(single.array), 0, -1).transpose(2, 1, 0, 3)
            image = nib.Nifti1Image(voxels[:, :, :, None, :], single.affine)
            image.header.set_intent(INTENT_VECTOR)
            image.header.set_xyzt_units("mm")
            image.set_qform(single.affine, 1)
            image.set_sform(single.affine, 1)
            nib.save(image, temporary)
        else:
            sitk.WriteImage(to_vector_image(single), str(temporary), useCompression=True)


def _load_nifti(file: Path) -> DisplacementField:
    try:
        image = nib.load(file)
    except (OSError, EOFError, ValueError, zlib.error, ImageFileError) as error:
        raise InputError("is not a NIfTI file, or it is damaged; export it again") from error
    if not isinstance(image, nib.Nifti1Pair):  # the base of both versions of NIfTI
        raise InputError("is not a NIfTI file; check that its name fits its content")
    intent = int(image.header["intent_code"])
    intent_name = bytes(image.header["intent_name"]).decode("latin-1")
    _refuse_look_alikes(intent, intent_name, image.shape)
    require_memory("the field", image.shape[:3], VECTOR_BYTES)
    try:
        voxels = np.asarray(image.dataobj, dtype=np.float32)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError("ends before its data do; copy or export it again") from error
    vectors = voxels[:, :, :, 0, :].transpose(3, 2, 1, 0)
    ras = vectors if intent == INTENT_DISPLACEMENT else flipped(vectors)
    return DisplacementField(ras, image.affine)


def _refuse_look_alikes(intent: int, intent_name: str, shape: tuple[int, ...]) -> None:
    """Raise InputError unless a NIfTI header is that of an ITK or ANTs displacement field."""
    if intent in FSL_INTENTS:
        raise InputError(f"is an FSL warp ({FSL_INTENTS[intent]}): {FSL_REMEDY}")
    if intent_name.startswith("NREG_TRANS"):
        raise InputError(
            "is a NiftyReg transform, which stores RAS positions or control points; "
            "convert it with reg_transform -disp and change it to ITK's LPS vectors"
        )
    if intent_name.startswith("Mapping"):
        raise InputError(
            "is an SPM deformation (y_*.nii), which stores positions, not displacements; "
            "convert it with SPM's Deformations utility or with nitransforms"
        )
    if len(shape) == 4 and shape[3] == 3:
        raise InputError(
            f"is 4-D ({' x '.join(map(str, shape))}) without the vector intent, as FSL writes "
            f"warps: {FSL_REMEDY}; ITK and ANTs fields are 5-D with intent 1007"
        )
    if len(shape) == 3 or (len(shape) == 5 and shape[3:] == (1, 1)):
        raise InputError("is an image with one value a voxel, not a displacement field")
    if len(shape) != 5 or shape[3] != 1 or shape[4] != 3:
        raise InputError(
            f"has shape {' x '.join(map(str, shape))}; a 3-D displacement field is X x Y x Z x 1 x "
            "3"
        )
    if intent not in {INTENT_VECTOR, INTENT_DISPLACEMENT}:
        raise InputError(
            f"has intent code {intent}, so what its three values mean is unknown; ITK and ANTs "
            "fields have 1007 (vector)"
        )


def _load_itk(file: Path) -> DisplacementField:
    if file.suffix.lower() in {".mha", ".mhd"}:
        with file.open("rb") as stream:
            check_meta(file, stream.read(MAX_HEADER_BYTES))
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(file))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise InputError("cannot be read as an image, or it is damaged; export it again") from error
    components, pixel = reader.GetNumberOfComponents(), reader.GetPixelID()
    if reader.GetDimension() != 3:
        raise InputError(f"has {reader.GetDimension()} axes; a 3-D displacement field is needed")
    if components == 1:
        raise InputError("is an image with one value a voxel, not a displacement field")
    if components != 3:
        raise InputError(f"has {components} values a voxel; displacements have 3")
    if pixel not in {sitk.sitkVectorFloat32, sitk.sitkVectorFloat64}:
        raise InputError(
            f"holds {sitk.GetPixelIDValueAsString(pixel)} (a color image?); displacements are "
            "floating-point mm"
        )
    require_memory("the field", reader.GetSize(), VECTOR_BYTES)
    try:
        return from_vector_image(reader.Execute())
    except RuntimeError as error:
        raise InputError("is truncated or damaged; copy or export it again") from error
