"""DICOM folders: geometry and values against the tags written, and every series that is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid
from scipy.spatial.transform import Rotation

from RegQCLib.errors import InputError
from RegQCLib.geometry.image_io import load_volume

SHAPE = (4, 5, 6)  # slices, rows, columns
SPACING = (0.8, 1.25, 3.5)  # between columns, rows, slices
TURN = Rotation.from_euler("xyz", (15, 25, -10), degrees=True).as_matrix()  # LPS
START = np.array([12.5, -40.0, 7.75])
VALUES = np.random.default_rng(2).integers(0, 900, SHAPE).astype(np.uint16)


def write_series(
    folder: Path,
    *,
    series: str = "T1",
    places: tuple[float, ...] = (0.0, 3.5, 7.0, 10.5),
    order: tuple[int, ...] = (2, 0, 3, 1),
    **tags: Any,
) -> None:
    """Write slices at ``places`` mm along the normal, under file names in another order."""
    folder.mkdir(exist_ok=True)
    uid = generate_uid(entropy_srcs=[series])
    for number, k in enumerate(order):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = MRImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID, data.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
        data.SeriesInstanceUID, data.SeriesDescription, data.Modality = uid, series, "MR"
        data.StudyInstanceUID = generate_uid(entropy_srcs=["study"])
        data.Rows, data.Columns = SHAPE[1:]
        data.PixelSpacing = [SPACING[1], SPACING[0]]
        data.ImageOrientationPatient = [*np.round(TURN[:, 0], 9), *np.round(TURN[:, 1], 9)]
        data.ImagePositionPatient = list(np.round(START + places[k] * TURN[:, 2], 6))
        data.InstanceNumber = number + 1
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated = data.BitsStored = 16
        data.HighBit, data.PixelRepresentation = 15, 0
        data.PixelData = VALUES[k].tobytes()
        for name, value in tags.items():
            if value is None:
                delattr(data, name)
            else:
                setattr(data, name, value)
        data.save_as(folder / f"{series}{number}.dcm", enforce_file_format=True)


def test_places_and_values_follow_the_tags(tmp_path: Path) -> None:
    write_series(tmp_path / "t1")
    volume = load_volume(tmp_path / "t1")
    np.testing.assert_array_equal(volume.array, VALUES)
    np.testing.assert_allclose(volume.spacing, SPACING, rtol=1e-5)
    for i, j, k in [(0, 0, 0), (5, 0, 0), (0, 4, 0), (0, 0, 3), (2, 3, 1)]:
        lps = START + TURN @ (np.array([i, j, k]) * SPACING)
        np.testing.assert_allclose(volume.grid.to_world((i, j, k)), lps * (-1, -1, 1), atol=1e-4)
    assert volume.name == "t1"


def test_rescale_is_applied(tmp_path: Path) -> None:
    write_series(tmp_path / "ct", RescaleSlope="2", RescaleIntercept="-1024")
    np.testing.assert_array_equal(load_volume(tmp_path / "ct").array, VALUES * 2.0 - 1024)


def test_slices_may_be_few_and_names_without_suffix(tmp_path: Path) -> None:
    write_series(tmp_path / "s", order=(1, 0))
    for file in (tmp_path / "s").iterdir():
        file.rename(file.with_suffix(""))
    np.testing.assert_array_equal(load_volume(tmp_path / "s").array, VALUES[:2])


def test_several_series_are_refused_with_their_names(tmp_path: Path) -> None:
    write_series(tmp_path / "s", series="T1 axial")
    write_series(tmp_path / "s", series="T2 axial", order=(0, 1))
    message = refusal(tmp_path / "s")
    assert "holds 2 DICOM series" in message
    assert "MR 'T1 axial', 4 files" in message
    assert "MR 'T2 axial', 2 files" in message


def test_a_missing_slice_is_named(tmp_path: Path) -> None:
    write_series(tmp_path / "s", places=(0, 3.5, 10.5, 14))
    assert "a gap of 7.00 mm between T13.dcm and T10.dcm, others are 3.50 mm" in refusal(
        tmp_path / "s"
    )


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"order": (1,)}, "one DICOM slice"),
        ({"places": (0, 3.5, 7.6, 10.5)}, "a gap of 4.10 mm"),
        ({"places": (0, 3.5, 3.5, 7)}, "several slices at one position (T10.dcm and T13.dcm"),
        ({"ImagePositionPatient": None}, "no position"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]}, "mosaic"),
        ({"NumberOfFrames": 2, "PixelData": VALUES[:2].tobytes()}, "multi-frame"),
        ({"PixelSpacing": [0, 0.8]}, "voxel size"),
        ({"PixelSpacing": None}, "pixel spacing"),
        ({"PixelData": VALUES[0].tobytes()[:20]}, "truncated"),
        (
            {
                "SamplesPerPixel": 3,
                "PhotometricInterpretation": "RGB",
                "PlanarConfiguration": 0,
                "BitsAllocated": 8,
                "BitsStored": 8,
                "HighBit": 7,
                "PixelData": bytes(5 * 6 * 3),
            },
            "color",
        ),
    ],
)
def test_unusable_series_are_refused(tmp_path: Path, options: dict[str, Any], reason: str) -> None:
    write_series(tmp_path / "s", **options)
    assert reason in refusal(tmp_path / "s")


def test_slices_of_two_orientations_are_refused(tmp_path: Path) -> None:
    write_series(tmp_path / "s")
    file = tmp_path / "s" / "T11.dcm"
    data = pydicom.dcmread(file)
    data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    data.save_as(file)
    assert "different orientation" in refusal(tmp_path / "s")


def test_a_single_file_of_a_series_is_refused(tmp_path: Path) -> None:
    write_series(tmp_path / "s")
    assert "give a folder" in refusal(tmp_path / "s" / "T10.dcm")


def test_a_file_that_ends_early_is_named(tmp_path: Path) -> None:
    write_series(tmp_path / "s")
    file = tmp_path / "s" / "T12.dcm"
    whole = file.read_bytes()
    for rest in (whole[:-7], whole[:200], b""):
        file.write_bytes(rest)
        assert "truncated or damaged (T12.dcm cannot be read as DICOM)" in refusal(tmp_path / "s")


def test_other_files_beside_the_slices_are_ignored(tmp_path: Path) -> None:
    write_series(tmp_path / "s")
    (tmp_path / "s" / "note.txt").write_text("scanned on Monday")
    np.testing.assert_array_equal(load_volume(tmp_path / "s").array, VALUES)


def test_a_folder_of_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "note.txt").write_text("no image here")
    assert "folder without DICOM images" in refusal(tmp_path / "s")


def refusal(path: Path) -> str:
    """Return the one line with which ``path`` is refused."""
    with pytest.raises(InputError) as caught:
        load_volume(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message
