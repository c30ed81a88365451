"""Every unusable image file is refused in one line that names it; nothing is printed besides."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from RegQCLib.errors import InputError
from RegQCLib.geometry import memory
from RegQCLib.geometry.image_io import load_volume

ARRAY = np.random.default_rng(5).integers(0, 99, (7, 6, 5)).astype(np.int16)
LARGE = np.random.default_rng(6).integers(0, 999, (40, 50, 60)).astype(np.int16)
Maker = Callable[[Path], object]


def nifti(array: np.ndarray = ARRAY, affine: np.ndarray | None = None) -> Maker:
    return lambda p: nib.save(nib.Nifti1Image(array, np.eye(4) if affine is None else affine), p)


def mgh() -> Maker:
    return lambda p: nib.save(nib.MGHImage(ARRAY, np.eye(4)), p)


def patched(make: Maker, offset: int, dtype: str, *numbers: float) -> Maker:
    """Overwrite bytes of the file that ``make`` writes."""

    def run(path: Path) -> None:
        make(path)
        data = bytearray(path.read_bytes())
        new = np.array(numbers, dtype).tobytes()
        data[offset : offset + len(new)] = new
        path.write_bytes(data)

    return run


def cut(make: Maker, keep: Callable[[int], int]) -> Maker:
    def run(path: Path) -> None:
        make(path)
        data = path.read_bytes()
        path.write_bytes(data[: keep(len(data))])

    return run


def moved(make: Maker, suffix: str) -> Maker:
    """Write under ``suffix``, then give the file the name asked for."""

    def run(path: Path) -> None:
        make(path.parent / f"other{suffix}")
        (path.parent / f"other{suffix}").rename(path)

    return run


def itk(image: sitk.Image | np.ndarray = ARRAY, compress: bool = False) -> Maker:
    if isinstance(image, np.ndarray):
        image = sitk.GetImageFromArray(image)
    return lambda p: sitk.WriteImage(image, str(p), useCompression=compress)


def edited(make: Maker, pattern: str, text: str) -> Maker:
    """Replace one line of a text header."""

    def run(path: Path) -> None:
        make(path)
        data, count = re.subn(pattern.encode(), text.encode(), path.read_bytes())
        assert count == 1
        path.write_bytes(data)

    return run


def content(data: bytes) -> Maker:
    return lambda p: p.write_bytes(data)


def without(make: Maker, name: str) -> Maker:
    def run(path: Path) -> None:
        make(path)
        (path.parent / name).unlink()

    return run


def sheared(amount: float) -> np.ndarray:
    affine = np.diag([1.0, 1.0, 3.0, 1.0])
    affine[0, 1] = amount
    return affine


RGB = np.zeros((7, 6, 5), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
VECTOR = sitk.GetImageFromArray(np.zeros((5, 6, 7, 3), np.float32), isVector=True)
FRAMES = sitk.JoinSeries([sitk.GetImageFromArray(ARRAY)] * 2)
FLAT = sitk.GetImageFromArray(ARRAY[0])
COMPLEX = sitk.RealAndImaginaryToComplex(*[sitk.GetImageFromArray(ARRAY.astype("f4"))] * 2)
PNG = sitk.GetImageFromArray(ARRAY[0].astype(np.uint8))
PIXDIM = 80  # byte of pixdim[1] in a NIfTI-1 header
DIRECTIONS = r"space directions: .*"
MGH_SPACING = 30

TABLE: list[tuple[str, Maker, str]] = [
    ("missing.nii", lambda _: None, "no such file"),
    ("folder.nii.gz", lambda p: p.mkdir(), "folder without DICOM"),
    ("empty.nii.gz", content(b""), "is empty"),
    ("empty.nrrd", content(b""), "is empty"),
    # wrongly named
    ("text.nrrd", content(b"patient 7, scanned on Monday\n"), "content is text"),
    ("text.dat", content(b"patient 7, scanned on Monday\n"), "a text file"),
    ("text.nii.gz", content(gzip.compress(b"hello world\n" * 40)), "content is text"),
    ("noise.nii", content(bytes(range(200, 256)) * 30), "not a NIfTI file"),
    ("noise.mgz", content(bytes(range(200, 256)) * 30), "not a MGH file"),
    ("noise.foo", content(bytes(range(200, 256)) * 30), "no image format"),
    ("image.nrrd", moved(nifti(), ".nii.gz"), r"content is NIfTI; rename it to .*\.nii"),
    ("image.mha", moved(itk(), ".nrrd"), r"content is NRRD; rename it to .*\.nrrd"),
    ("image.nii", moved(itk(PNG), ".png"), "content is PNG"),
    ("image.img", moved(nifti(), ".nii"), r"content is NIfTI .*rename it to .*\.nii"),
    ("zipped.nii", moved(nifti(), ".nii.gz"), r"rename it to \.nii\.gz"),
    ("plain.nii.gz", moved(nifti(), ".nii"), r"rename it to \.nii"),
    ("plain.mgz", moved(mgh(), ".mgh"), "rename"),
    # truncated
    ("header.nii", cut(nifti(), lambda _: 200), "not a NIfTI file|truncated"),
    ("start.nii.gz", cut(nifti(), lambda _: 12), "truncated"),
    ("half.nii", cut(nifti(), lambda n: n // 2), "truncated.*bytes of voxels are missing"),
    ("byte.nii", cut(nifti(), lambda n: n - 1), r"truncated.*\(1 of 420 bytes"),
    ("half.nii.gz", cut(nifti(), lambda n: n // 2), "truncated"),
    ("tail.nii.gz", cut(nifti(), lambda n: n - 4), "truncated"),
    # all voxels are there, only the checksum after them is wrong or missing
    ("large-tail.nii.gz", cut(nifti(LARGE), lambda n: n - 8), "truncated"),
    ("large-crc.nii.gz", patched(nifti(LARGE), -8, "u1", 1, 2, 3, 4), "truncated or damaged"),
    ("crc.nii.gz", patched(nifti(), -8, "u1", 1, 2, 3, 4), "truncated or damaged"),
    ("half.nrrd", cut(itk(), lambda n: n - 20), "truncated"),
    ("zipped.nrrd", cut(itk(compress=True), lambda n: n - 20), "truncated"),
    ("half.mha", cut(itk(), lambda n: n - 20), r"truncated.*\(20 of 420 bytes"),
    ("zipped.mha", cut(itk(compress=True), lambda n: n - 20), "truncated"),
    ("header.mha", cut(itk(), lambda _: 60), "truncated"),
    (
        "half.mgh",
        cut(mgh(), lambda _: 500),
        "trunc",
    ),
    (
        "half.mgz",
        cut(mgh(), lambda _: 200),
        "trunc",
    ),
    ("pair.mhd", without(itk(), "pair.raw"), "pair.raw, which is missing"),
    ("pair.nhdr", without(itk(), "pair.raw"), "another file, which is missing"),
    (
        "pair.hdr",
        without(lambda p: nib.save(nib.Nifti1Pair(ARRAY, np.eye(4)), p), "pair.img"),
        "pair.img, which is missing",
    ),
    # not one scalar 3-D image
    ("flat.nii.gz", nifti(ARRAY[0]), "2-D image"),
    ("flat.nrrd", itk(FLAT), "2-D image"),
    ("flat.mha", itk(FLAT), "2-D image"),
    ("flat.png", itk(PNG), "2-D image"),
    ("frames.nii.gz", nifti(np.stack([ARRAY] * 3, -1)), "4-D image of 3 frames"),
    ("frames.nrrd", itk(FRAMES), "4-D image of 2 frames"),
    ("frames.mha", itk(FRAMES), "4-D image of 2 frames"),
    ("vector.nii", nifti(np.zeros((7, 6, 5, 1, 3), np.float32)), "vector"),
    ("vector.nrrd", itk(VECTOR), "vector"),
    ("vector.mha", itk(VECTOR), "vector"),
    ("color.nii", nifti(RGB), "RGB"),
    ("complex.nii", nifti(ARRAY.astype(np.complex64)), "complex"),
    ("complex.mha", itk(COMPLEX), "complex|values a voxel"),
    ("axes.nii", patched(nifti(), 40, "<i2", 0), "0 axes"),
    ("hollow.nii", patched(nifti(), 42, "<i2", 0), "axis without voxels"),
    ("type.nii", patched(nifti(), 70, "<i2", 9999), "data type code 9999"),
    # voxel size
    ("zero.nii", patched(nifti(), PIXDIM, "<f4", 0), "voxel size 0 x"),
    ("negative.nii", patched(nifti(), PIXDIM, "<f4", -2), "voxel size -2 x"),
    ("nan.nii", patched(nifti(), PIXDIM, "<f4", np.nan), "voxel size nan x"),
    ("tiny.nii", nifti(ARRAY, np.diag([1, 1e-6, 1, 1])), "voxel size 1 x 1e-06"),
    ("huge.nii", nifti(ARRAY, np.diag([1, 1, 1e4, 1])), "voxel size 1 x 1 x 10000"),
    ("row.nii", patched(nifti(), 280, "<f4", 0), "voxel size must be"),
    ("negative.nrrd", edited(itk(), DIRECTIONS, "spacings: 1 -2 3"), "voxel size 1 x -2"),
    ("zero.nrrd", edited(itk(), DIRECTIONS, "space directions: (0,0,0) (0,1,0) (0,0,1)"), "size 0"),
    ("none.nrrd", edited(itk(), DIRECTIONS, "space directions: (1,0,0) none (0,0,1)"), "direction"),
    ("zero.mha", edited(itk(), "ElementSpacing = 1 1 1", "ElementSpacing = 0 1 1"), "size 0"),
    ("negative.mha", edited(itk(), "ElementSpacing = 1 1 1", "ElementSpacing = -1 1 1"), "size -1"),
    ("word.mha", edited(itk(), "ElementSpacing = 1 1 1", "ElementSpacing = x 1 1"), "size nan"),
    ("huge.mha", edited(itk(), "ElementSpacing = 1 1 1", "ElementSpacing = 1 1e9 1"), "size 1 x"),
    (
        "zero.mgh",
        patched(mgh(), MGH_SPACING, ">f4", 0),
        "voxel size 0",
    ),
    # orientation
    ("sheared.nii", nifti(ARRAY, sheared(0.3)), "sheared"),
    ("singular.nii", nifti(ARRAY, sheared(1e6)), "voxel size"),
    ("parallel.nii", patched(nifti(), 280, "<f4", 1, 1, 0, 0, 0, 0, 0, 0), "sheared or singular"),
    ("nan-form.nii", patched(nifti(), 280, "<f4", np.nan), "not finite"),
    (
        "turn.nii",
        patched(patched(nifti(), 252, "<i2", 1, 0), 256, "<f4", 0.9, 0.9, 0.9),
        "qform",
    ),
    (
        "sheared.nrrd",
        edited(itk(), DIRECTIONS, "space directions: (1,0,0) (1,2,0) (0,0,3)"),
        "shear",
    ),
    (
        "singular.nrrd",
        edited(itk(), DIRECTIONS, "space directions: (1,0,0) (1,0,0) (0,0,3)"),
        "sing",
    ),
    ("sheared.mha", edited(itk(), "Matrix = 1 0 0 0 1", "Matrix = 1 0 0 0.6 0.8"), "sheared"),
    ("singular.mha", edited(itk(), "Matrix = 1 0 0 0 1", "Matrix = 1 0 0 1 0"), "singular"),
    ("scaling.nii", patched(nifti(), 112, "<f4", 2, np.nan), "scaling"),
]


@pytest.mark.parametrize(("name", "make", "reason"), TABLE, ids=[row[0] for row in TABLE])
def test_refused_in_one_line(
    tmp_path: Path, name: str, make: Maker, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / name)
    with pytest.raises(InputError, match=reason) as refusal:
        load_volume(tmp_path / name)
    message = str(refusal.value)
    assert "\n" not in message
    assert message.startswith(f"{tmp_path / name}: ")
    assert ";" in message, "says what to do"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nrrd", "a.mha", "a.mgz"])
def test_an_image_larger_than_memory_is_refused_before_reading(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = nib.MGHImage if name.endswith("mgz") else nib.Nifti1Image
    make = itk() if name[2:] in ("nrrd", "mha") else lambda p: nib.save(image(ARRAY, np.eye(4)), p)
    make(tmp_path / name)
    assert load_volume(tmp_path / name).array.size == ARRAY.size
    monkeypatch.setattr(memory, "available_bytes", lambda: 1000)
    with pytest.raises(InputError, match=rf"{name}: too little memory.*GiB.*; crop"):
        load_volume(tmp_path / name)


def test_available_memory_is_plausible() -> None:
    assert 2**26 < memory.available_bytes() < 2**46
