"""Files written in steps: SimpleITK and RegQCLib read voxels and place as they were written."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scene.scene_builders import SHAPE, affineOf

from RegQCLib.errors import InputError
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.image_io import load_volume
from RegQCLib.geometry.sitk import to_sitk
from RegQCLib.geometry.transform_io import load_transform
from RegQCLib.geometry.volume import Volume
from RegQCScene import raw_image_file
from RegQCScene.raw_image_file import TYPES, fieldSteps, imageSteps, volumeSteps
from RegQCScene.volume_exchange import imageArray


def readInSteps(path):
    steps = imageSteps(path)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize("dtype", list(TYPES))
@pytest.mark.parametrize("mirrored", [False, True])
def test_what_is_read_is_what_was_written(tmp_path, dtype, mirrored):
    array = np.random.default_rng(0).integers(0, 100, SHAPE).astype(dtype)
    volume = Volume(array, affineOf(mirrored=mirrored))
    path = tmp_path / "image.mha"
    list(volumeSteps(volume, path))
    image, expected = sitk.ReadImage(str(path)), to_sitk(volume)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), array)
    assert image.GetPixelID() == expected.GetPixelID()
    for place in ("GetOrigin", "GetSpacing", "GetDirection"):
        np.testing.assert_allclose(getattr(image, place)(), getattr(expected, place)(), atol=1e-12)
    read = load_volume(path)
    np.testing.assert_allclose(read.affine, volume.affine, atol=1e-9)
    np.testing.assert_array_equal(read.array, array)
    again = readInSteps(path)
    np.testing.assert_array_equal(imageArray(again), array)
    assert imageArray(again).dtype == array.dtype


def test_voxels_in_any_order_of_memory(tmp_path):
    array = np.asfortranarray(np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE))
    list(volumeSteps(Volume(array[:, ::-1], affineOf()), tmp_path / "image.mha"))
    np.testing.assert_array_equal(load_volume(tmp_path / "image.mha").array, array[:, ::-1])


def test_a_field(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(3, *SHAPE)).astype(np.float64)
    field = DisplacementField(vectors, affineOf(mirrored=True))
    list(fieldSteps(field, tmp_path / "field.mha"))
    read = load_transform(tmp_path / "field.mha")
    np.testing.assert_allclose(read.array, vectors, atol=1e-6)
    itk = sitk.DisplacementFieldTransform(
        sitk.Cast(sitk.ReadImage(str(tmp_path / "field.mha")), sitk.sitkVectorFloat64)
    )
    point = field.grid.to_world([2.3, 1.7, 3.1])
    lps = np.array([-1, -1, 1])
    np.testing.assert_allclose(
        itk.TransformPoint((point * lps).tolist()), field.apply(point) * lps, atol=1e-5
    )


def test_large_volumes_are_written_in_steps(tmp_path, monkeypatch):
    monkeypatch.setattr(raw_image_file, "STEP_BYTES", 1)
    volume = Volume(np.zeros(SHAPE, np.int16), affineOf())
    fractions = list(volumeSteps(volume, tmp_path / "image.mha"))
    np.testing.assert_allclose(fractions, np.arange(1, SHAPE[0] + 1) / SHAPE[0])


def test_no_place_to_write(tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        list(volumeSteps(Volume(np.zeros(SHAPE), affineOf()), tmp_path / "missing" / "image.mha"))


def test_planes_may_be_changed_on_the_way(tmp_path):
    array = np.random.default_rng(0).integers(0, 9, SHAPE).astype(np.int16)
    list(volumeSteps(Volume(array, affineOf()), tmp_path / "image.mha", lambda plane: plane + 1))
    np.testing.assert_array_equal(load_volume(tmp_path / "image.mha").array, array + 1)


def test_other_and_damaged_files_are_named(tmp_path):
    volume = Volume(np.zeros(SHAPE, np.float32), affineOf())
    path = tmp_path / "image.mha"
    list(volumeSteps(volume, path))
    whole = path.read_bytes()
    for content in (b"", b"damaged", whole[:100], b"\xff" * 300):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"image\.mha: is damaged"):
            readInSteps(path)
    path.write_bytes(whole[:-1])
    with pytest.raises(InputError, match="ends before its data do"):
        readInSteps(path)
    sitk.WriteImage(to_sitk(volume), str(path), useCompression=True)
    with pytest.raises(InputError, match="is damaged"):
        readInSteps(path)
