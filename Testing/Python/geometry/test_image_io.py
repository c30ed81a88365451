"""Reading and writing images: against nibabel and SimpleITK, on grids where every mix-up shows."""

from __future__ import annotations

import gzip
import logging
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from RegQCLib.errors import InputError
from RegQCLib.geometry.image_io import load_volume, save_volume
from RegQCLib.geometry.volume import Volume

SHAPE = (5, 6, 7)  # k, j, i: unequal, so a swapped axis shows
SPACING = (0.7, 1.3, 3.0)
TURN = Rotation.from_euler("xyz", (20, -15, 35), degrees=True).as_matrix()
ALL_FORMATS = (".nii", ".nii.gz", ".nrrd", ".mha", ".mgh", ".mgz")


def affine_of(direction: np.ndarray) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = direction @ np.diag(SPACING)
    affine[:3, 3] = (-31.5, 12.25, 40.125)
    return affine


AFFINES = {
    "axis-aligned": affine_of(np.eye(3)),
    "oblique": affine_of(TURN),
    "left-handed": affine_of(TURN @ np.diag([-1, 1, 1])),
    "permuted": affine_of(TURN[:, [2, 0, 1]]),
}


@pytest.fixture(params=AFFINES)
def affine(request: pytest.FixtureRequest) -> np.ndarray:
    return AFFINES[request.param]


def values(dtype: str = "int16") -> np.ndarray:
    numbers = np.random.default_rng(3).integers(0, 120, SHAPE)
    return numbers.astype(dtype)


@pytest.mark.parametrize("suffix", ALL_FORMATS)
def test_saved_then_loaded_is_the_same(tmp_path: Path, affine: np.ndarray, suffix: str) -> None:
    before = Volume(values(), affine)
    save_volume(before, tmp_path / f"a{suffix}")
    after = load_volume(tmp_path / f"a{suffix}")
    np.testing.assert_allclose(after.affine, affine, atol=1e-4)
    np.testing.assert_array_equal(after.array, before.array)
    assert after.array.dtype == np.int16
    assert after.name == f"a{suffix}"


@pytest.mark.parametrize("suffix", ALL_FORMATS)
@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "int32", "int64", "float32"])
def test_values_survive_every_format(tmp_path: Path, suffix: str, dtype: str) -> None:
    array = values(dtype)
    save_volume(Volume(array, AFFINES["oblique"]), tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(load_volume(tmp_path / f"a{suffix}").array, array)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".mgh", ".mgz"])
def test_nibabel_reads_what_is_written(tmp_path: Path, affine: np.ndarray, suffix: str) -> None:
    save_volume(Volume(values(), affine), tmp_path / f"a{suffix}")
    image = nib.load(tmp_path / f"a{suffix}")
    np.testing.assert_allclose(image.affine, affine, atol=1e-4)
    np.testing.assert_array_equal(image.get_fdata(), values().T)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_simpleitk_reads_what_is_written(tmp_path: Path, affine: np.ndarray, suffix: str) -> None:
    save_volume(Volume(values(), affine), tmp_path / f"a{suffix}")
    image = sitk.ReadImage(str(tmp_path / f"a{suffix}"))
    for index in [(0, 0, 0), (6, 0, 0), (1, 5, 2), (3, 2, 4)]:
        x, y, z = image.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose((-x, -y, z), (affine @ (*index, 1))[:3], atol=1e-3)
        assert image[index] == values()[index[::-1]]


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".mgh", ".mgz"])
def test_reads_what_nibabel_writes(tmp_path: Path, affine: np.ndarray, suffix: str) -> None:
    kind = nib.MGHImage if "m" in suffix else nib.Nifti1Image
    nib.save(kind(values().T, affine), tmp_path / f"a{suffix}")
    volume = load_volume(tmp_path / f"a{suffix}", name="fixed")
    np.testing.assert_allclose(volume.affine, affine, atol=1e-4)
    np.testing.assert_array_equal(volume.array, values())
    assert volume.name == "fixed"


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".gipl"])
def test_reads_what_simpleitk_writes(tmp_path: Path, suffix: str) -> None:
    direction = np.eye(3) if suffix == ".gipl" else TURN  # GIPL stores no direction
    image = sitk.GetImageFromArray(values())
    image.SetSpacing(SPACING)
    image.SetOrigin((1.5, -20.25, 7))
    image.SetDirection(direction.ravel().tolist())
    sitk.WriteImage(image, str(tmp_path / f"a{suffix}"))
    volume = load_volume(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(volume.array, values())
    for index in [(0, 0, 0), (6, 0, 0), (1, 5, 2)]:
        x, y, z = image.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose(volume.grid.to_world(index), (-x, -y, z), atol=1e-3)


def test_reads_nifti2_and_big_endian_and_pairs(tmp_path: Path, affine: np.ndarray) -> None:
    nib.save(nib.Nifti2Image(values().T, affine), tmp_path / "two.nii")
    nib.save(nib.Nifti1Pair(values().T, affine), tmp_path / "pair.hdr")
    big = nib.Nifti1Header(endianness=">")
    big.set_data_dtype(">i2")
    nib.save(nib.Nifti1Image(values().T, affine, big), tmp_path / "big.nii")
    assert (tmp_path / "big.nii").read_bytes()[:4] == b"\x00\x00\x01\x5c"
    for name in ("two.nii", "pair.hdr", "big.nii"):
        volume = load_volume(tmp_path / name)
        np.testing.assert_allclose(volume.affine, affine, atol=1e-4)
        np.testing.assert_array_equal(volume.array, values())
        assert volume.array.dtype.isnative


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32"])
def test_integer_scaling_is_applied(tmp_path: Path, dtype: str) -> None:
    image = nib.Nifti1Image(values(dtype).T, np.eye(4))
    nib.save(image, tmp_path / "a.nii")
    _patch(tmp_path / "a.nii", 112, np.array([0.25, -1024.5], "<f4"))
    volume = load_volume(tmp_path / "a.nii")
    expected = nib.load(tmp_path / "a.nii").get_fdata().T
    assert expected.min() < -900
    np.testing.assert_allclose(volume.array, expected, rtol=1e-6)


def test_sform_wins_over_qform_and_the_conflict_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    image = nib.Nifti1Image(values().T, None)
    image.set_sform(AFFINES["oblique"], 1)
    image.set_qform(AFFINES["left-handed"], 1)
    nib.save(image, tmp_path / "a.nii")
    with caplog.at_level(logging.WARNING):
        volume = load_volume(tmp_path / "a.nii")
    np.testing.assert_allclose(volume.affine, AFFINES["oblique"], atol=1e-5)
    assert "sform and qform differ" in caplog.text


def test_qform_alone_is_used(tmp_path: Path, affine: np.ndarray) -> None:
    image = nib.Nifti1Image(values().T, None)
    image.set_qform(affine, 1)
    image.set_sform(None, 0)
    nib.save(image, tmp_path / "a.nii")
    np.testing.assert_allclose(load_volume(tmp_path / "a.nii").affine, affine, atol=1e-4)


def test_nifti_without_orientation_follows_nibabel_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    image = nib.Nifti1Image(values().T, None)
    image.header.set_zooms(SPACING)
    image.set_sform(None, 0)
    image.set_qform(None, 0)
    nib.save(image, tmp_path / "a.nii")
    _patch(tmp_path / "a.nii", 252, np.array([0, 0], "<i2"))
    with caplog.at_level(logging.WARNING):
        volume = load_volume(tmp_path / "a.nii")
    np.testing.assert_allclose(volume.affine, nib.load(tmp_path / "a.nii").affine)
    np.testing.assert_allclose(volume.spacing, SPACING, rtol=1e-6)
    assert "no orientation" in caplog.text


@pytest.mark.parametrize(("code", "factor"), [(1, 1000.0), (2, 1.0), (3, 0.001)])
def test_units_of_the_header_are_converted(tmp_path: Path, code: int, factor: float) -> None:
    affine = AFFINES["oblique"].copy()
    affine[:3] /= factor
    nib.save(nib.Nifti1Image(values().T, affine), tmp_path / "a.nii")
    _patch(tmp_path / "a.nii", 123, np.array([code], "u1"))
    np.testing.assert_allclose(
        load_volume(tmp_path / "a.nii").affine, AFFINES["oblique"], rtol=1e-5
    )


def test_a_trailing_axis_of_one_is_dropped(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(values().T[..., None], np.eye(4)), tmp_path / "a.nii")
    assert nib.load(tmp_path / "a.nii").ndim == 4
    np.testing.assert_array_equal(load_volume(tmp_path / "a.nii").array, values())


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_a_trailing_axis_of_one_is_dropped_by_itk_too(tmp_path: Path, suffix: str) -> None:
    image = sitk.JoinSeries([sitk.GetImageFromArray(values())])
    assert image.GetDimension() == 4
    sitk.WriteImage(image, str(tmp_path / f"a{suffix}"))
    np.testing.assert_array_equal(load_volume(tmp_path / f"a{suffix}").array, values())


def test_saving_replaces_whole_files_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.nii.gz"
    save_volume(Volume(values(), np.eye(4)), path)
    before = path.read_bytes()

    def half(image: nib.Nifti1Image, target: Path) -> None:
        Path(target).write_bytes(before[:50])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(nib, "save", half)
    with pytest.raises(InputError, match=r"a\.nii\.gz.*No space left"):
        save_volume(Volume(values() + 1, np.eye(4)), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.nii.gz"]


def test_saving_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "b.nii.gz"):
        save_volume(Volume(values(), AFFINES["oblique"]), tmp_path / name)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.nii.gz").read_bytes())[344:347] == b"n+1"


@pytest.mark.parametrize("name", ["a.png", "a.nhdr", "a.gz", "a", "a.txt", "missing/a.nii"])
def test_saving_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"cannot write|does not exist") as refusal:
        save_volume(Volume(values(), np.eye(4)), tmp_path / name)
    assert "\n" not in str(refusal.value)
    assert not list(tmp_path.iterdir())


def _patch(path: Path, offset: int, numbers: np.ndarray) -> None:
    data = bytearray(path.read_bytes())
    data[offset : offset + numbers.nbytes] = numbers.tobytes()
    path.write_bytes(data)
