"""Makers of everything that `regqc check` must refuse (DESIGN.md section 5).

Each maker takes an empty folder and returns the path to pass. They write with nibabel, SimpleITK,
pydicom or by hand, never with RegQC.
"""

from __future__ import annotations

import struct
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from cli.support import AFFINE, SHAPE, picture, write_nifti

SFORM_OFFSET = 280  # bytes, in a NIfTI-1 header
PIXDIM_OFFSET = 76


def missing(folder: Path) -> Path:
    return folder / "missing.nii.gz"


def empty_file(folder: Path) -> Path:
    (folder / "empty.nii.gz").write_bytes(b"")
    return folder / "empty.nii.gz"


def truncated_nifti(folder: Path) -> Path:
    return _cut(write_nifti(folder / "cut.nii", picture()))


def truncated_gzip(folder: Path) -> Path:
    return _cut(write_nifti(folder / "cut.nii.gz", picture()))


def truncated_nrrd(folder: Path) -> Path:
    return _cut(_write_sitk(folder / "cut.nrrd"))


def truncated_mha(folder: Path) -> Path:
    return _cut(_write_sitk(folder / "cut.mha"))


def truncated_mgz(folder: Path) -> Path:
    nib.save(nib.MGHImage(picture(), AFFINE), folder / "cut.mgz")
    return _cut(folder / "cut.mgz")


def header_without_data(folder: Path) -> Path:
    image = _write_sitk(folder / "lonely.mhd")
    image.with_suffix(".raw").unlink(missing_ok=True)
    image.with_suffix(".zraw").unlink(missing_ok=True)
    return image


def text_named_nifti(folder: Path) -> Path:
    (folder / "text.nii").write_text("this is no image\n" * 50)
    return folder / "text.nii"


def nrrd_named_nifti(folder: Path) -> Path:
    return _write_sitk(folder / "x.nrrd").rename(folder / "nrrd.nii")


def plain_named_gzip(folder: Path) -> Path:
    return write_nifti(folder / "x.nii", picture()).rename(folder / "plain.nii.gz")


def picture_file(folder: Path) -> Path:
    sitk.WriteImage(sitk.Image(8, 8, sitk.sitkUInt8), str(folder / "screenshot.png"))
    return folder / "screenshot.png"


def empty_folder(folder: Path) -> Path:
    (folder / "dicom").mkdir()
    return folder / "dicom"


def folder_without_images(folder: Path) -> Path:
    (empty_folder(folder) / "notes.txt").write_text("no image here")
    return folder / "dicom"


def two_series(folder: Path) -> Path:
    target = empty_folder(folder)
    _write_series(target, "1.2.3.1", count=3)
    _write_series(target, "1.2.3.2", count=3)
    return target


def one_slice_series(folder: Path) -> Path:
    target = empty_folder(folder)
    _write_series(target, "1.2.3.1", count=1)
    return target


def two_d(folder: Path) -> Path:
    return write_nifti(folder / "flat.nii.gz", picture()[:, :, 0])


def four_d(folder: Path) -> Path:
    return write_nifti(folder / "series.nii.gz", picture(shape=(*SHAPE, 3)))


def rgb(folder: Path) -> Path:
    colors = np.zeros(SHAPE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    return write_nifti(folder / "rgb.nii.gz", colors)


def vector(folder: Path) -> Path:
    image = sitk.GetImageFromArray(picture(shape=(*SHAPE, 3)), isVector=True)
    sitk.WriteImage(image, str(folder / "vector.nrrd"))
    return folder / "vector.nrrd"


def complex_values(folder: Path) -> Path:
    return write_nifti(folder / "complex.nii.gz", picture().astype(np.complex64))


def all_nan(folder: Path) -> Path:
    return write_nifti(folder / "nan.nii.gz", np.full(SHAPE, np.nan, np.float32))


def some_nan(folder: Path) -> Path:
    return write_nifti(folder / "nans.nii.gz", _spoiled(np.nan))


def infinite(folder: Path) -> Path:
    return write_nifti(folder / "infinite.nii.gz", _spoiled(np.inf))


def constant(folder: Path) -> Path:
    return write_nifti(folder / "constant.nii.gz", np.full(SHAPE, 7, np.int16))


def one_slice(folder: Path) -> Path:
    return write_nifti(folder / "slice.nii.gz", picture()[:, :, :1])


def zero_spacing(folder: Path) -> Path:
    return _with_sform(folder / "zero.nii", AFFINE @ np.diag([1, 1, 0, 1]))


def tiny_spacing(folder: Path) -> Path:
    return _with_sform(folder / "tiny.nii", AFFINE @ np.diag([1e-5, 1e-5, 1e-5, 1]))


def huge_spacing(folder: Path) -> Path:
    return _with_sform(folder / "huge.nii", AFFINE @ np.diag([1e3, 1e3, 1e3, 1]))


def zero_pixdim(folder: Path) -> Path:
    """No sform or qform, and a voxel size of zero."""
    path = write_nifti(folder / "pixdim.nii", picture())
    data = bytearray(path.read_bytes())
    struct.pack_into("<hh", data, 252, 0, 0)  # qform_code, sform_code
    struct.pack_into("<f", data, PIXDIM_OFFSET + 4, 0.0)
    path.write_bytes(bytes(data))
    return path


def negative_spacing(folder: Path) -> Path:
    path = _write_sitk(folder / "negative.mha")
    head, _, rest = path.read_bytes().partition(b"ElementSpacing = ")
    path.write_bytes(head + b"ElementSpacing = -" + rest)
    return path


def sheared(folder: Path) -> Path:
    shear = np.eye(4)
    shear[0, 1] = 0.3
    return _with_sform(folder / "sheared.nii", AFFINE @ shear)


def singular(folder: Path) -> Path:
    flat = AFFINE.copy()
    flat[:3, 1] = flat[:3, 0]
    return _with_sform(folder / "singular.nii", flat)


def not_finite_header(folder: Path) -> Path:
    broken = AFFINE.copy()
    broken[0, 3] = np.nan
    return _with_sform(folder / "header.nii", broken)


def too_large(folder: Path) -> Path:
    """A short file whose header promises 32000^3 voxels."""
    path = write_nifti(folder / "large.nii", picture())
    data = bytearray(path.read_bytes())
    struct.pack_into("<hhh", data, 42, 32000, 32000, 32000)
    path.write_bytes(bytes(data))
    return path


IMAGES = (
    *(missing, empty_file, truncated_nifti, truncated_gzip, truncated_nrrd, truncated_mha),
    *(truncated_mgz, header_without_data, text_named_nifti, nrrd_named_nifti, plain_named_gzip),
    *(picture_file, empty_folder, folder_without_images, two_series, one_slice_series, two_d),
    *(four_d, rgb, vector, complex_values, zero_spacing, tiny_spacing, huge_spacing, zero_pixdim),
    *(negative_spacing, sheared, singular, not_finite_header, too_large),
)
"""Refused when they are read, whatever they are for."""

CONTENTS = (all_nan, some_nan, infinite, constant, one_slice)
"""Readable, but no images whose alignment can be judged."""


def text_transform(folder: Path) -> Path:
    (folder / "t.tfm").write_text("translate by a bit\n")
    return folder / "t.tfm"


def truncated_transform(folder: Path) -> Path:
    sitk.WriteTransform(sitk.Euler3DTransform(), str(folder / "t.tfm"))
    return _cut(folder / "t.tfm")


def truncated_hdf5(folder: Path) -> Path:
    sitk.WriteTransform(sitk.Euler3DTransform(), str(folder / "t.h5"))
    return _cut(folder / "t.h5")


def unknown_kind(folder: Path) -> Path:
    sitk.WriteTransform(sitk.Euler3DTransform(), str(folder / "t.tfm"))
    text = (folder / "t.tfm").read_text()
    (folder / "t.tfm").write_text(text.replace("Euler3DTransform", "MagicTransform"))
    return folder / "t.tfm"


def flat_transform(folder: Path) -> Path:
    sitk.WriteTransform(sitk.Euler2DTransform(), str(folder / "t.tfm"))
    return folder / "t.tfm"


def singular_transform(folder: Path) -> Path:
    sitk.WriteTransform(sitk.AffineTransform(3), str(folder / "t.tfm"))
    text = (folder / "t.tfm").read_text()
    (folder / "t.tfm").write_text(text.replace("1 0 0 0 1 0 0 0 1", "1 0 0 0 1 0 0 0 0"))
    return folder / "t.tfm"


def fsl_matrix(folder: Path) -> Path:
    (folder / "t.mat").write_text("1 0 0 2\n0 1 0 3\n0 0 1 4\n0 0 0 1\n")
    return folder / "t.mat"


def image_as_transform(folder: Path) -> Path:
    return write_nifti(folder / "image.nii.gz", picture())


def folder_as_transform(folder: Path) -> Path:
    return empty_folder(folder)


def field_with_nan(folder: Path) -> Path:
    field = np.zeros((*SHAPE, 1, 3), np.float32)
    field[3, 3, 3] = np.nan
    image = nib.Nifti1Image(field, AFFINE)
    image.header.set_intent("vector")
    nib.save(image, folder / "field.nii.gz")
    return folder / "field.nii.gz"


TRANSFORMS = (
    *(missing, empty_file, text_transform, truncated_transform, truncated_hdf5, unknown_kind),
    *(flat_transform, singular_transform, fsl_matrix, image_as_transform, folder_as_transform),
    field_with_nan,
)


def _cut(path: Path) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    return path


def _spoiled(value: float) -> np.ndarray:
    array = picture()
    array[5:8, 5, 5] = value
    return array


def _write_sitk(path: Path) -> Path:
    sitk.WriteImage(sitk.GetImageFromArray(picture()), str(path))
    return path


def _with_sform(path: Path, affine: np.ndarray) -> Path:
    """Write a NIfTI file and put ``affine`` into its sform by hand: nibabel would refuse some."""
    write_nifti(path, picture())
    data = bytearray(path.read_bytes())
    struct.pack_into("<hh", data, 252, 0, 2)
    struct.pack_into("<12f", data, SFORM_OFFSET, *affine[:3].ravel())
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    struct.pack_into("<3f", data, PIXDIM_OFFSET + 4, *spacing)
    path.write_bytes(bytes(data))
    return path


def _write_series(folder: Path, series: str, *, count: int) -> None:
    import pydicom
    from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

    for k in range(count):
        meta = pydicom.dataset.FileMetaDataset()
        meta.MediaStorageSOPClassUID = MRImageStorage
        meta.MediaStorageSOPInstanceUID = f"{series}.{k + 1}"
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        slice_ = pydicom.Dataset()
        slice_.file_meta = meta
        slice_.SOPClassUID = MRImageStorage
        slice_.SOPInstanceUID = f"{series}.{k + 1}"
        slice_.StudyInstanceUID = "1.2.3"
        slice_.SeriesInstanceUID = series
        slice_.Modality = "MR"
        slice_.PatientID = "phantom"
        slice_.InstanceNumber = k + 1
        slice_.ImagePositionPatient = [0.0, 0.0, 2.5 * k]
        slice_.ImageOrientationPatient = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
        slice_.PixelSpacing = [1.2, 1.5]
        slice_.SliceThickness = 2.5
        slice_.Rows, slice_.Columns = SHAPE[1], SHAPE[0]
        slice_.SamplesPerPixel = 1
        slice_.PhotometricInterpretation = "MONOCHROME2"
        slice_.BitsAllocated = slice_.BitsStored = 16
        slice_.HighBit = 15
        slice_.PixelRepresentation = 0
        slice_.PixelData = picture(k)[:, :, k].T.astype(np.uint16).tobytes()
        slice_.save_as(folder / f"{series}_{k}.dcm", enforce_file_format=True)
