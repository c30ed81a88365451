"""2-D images as one slice: the same places as ITK's, and refusals in one line."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from RegQCLib.errors import InputError
from RegQCLib.geometry.flat_io import load_image
from RegQCLib.geometry.image_io import load_volume


def flat_image() -> sitk.Image:
    image = sitk.GetImageFromArray(np.random.default_rng(0).random((7, 9)).astype(np.float32))
    image.SetSpacing((1.5, 0.7))
    image.SetOrigin((10, 20))
    image.SetDirection((0.8, -0.6, 0.6, 0.8))
    return image


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".mha", ".nrrd"])
def test_a_flat_image_is_one_slice_in_its_place(suffix, tmp_path):
    image = flat_image()
    file = tmp_path / f"flat{suffix}"
    sitk.WriteImage(image, str(file))
    volume = load_image(file)
    assert volume.shape == (1, 7, 9)
    assert volume.name == file.name
    np.testing.assert_array_equal(volume.array[0], sitk.GetArrayFromImage(image))
    x, y = image.TransformIndexToPhysicalPoint((5, 3))
    np.testing.assert_allclose(volume.grid.to_world([5, 3, 0]), (-x, -y, 0), atol=1e-5)
    with pytest.raises(InputError, match="2-D image"):
        load_volume(file)


def test_a_volume_is_read_as_ever(tmp_path):
    image = sitk.GetImageFromArray(np.random.default_rng(0).random((4, 5, 6)).astype(np.float32))
    sitk.WriteImage(image, str(tmp_path / "v.mha"))
    assert load_image(tmp_path / "v.mha", name="me").name == "me"
    assert load_image(tmp_path / "v.mha").shape == (4, 5, 6)


def test_a_picture_without_voxel_size_is_refused(tmp_path):
    sitk.WriteImage(sitk.Image(8, 8, sitk.sitkUInt8), str(tmp_path / "p.png"))
    with pytest.raises(InputError, match="voxel size"):
        load_image(tmp_path / "p.png")


def test_several_values_a_pixel_are_refused(tmp_path):
    sitk.WriteImage(sitk.Image([8, 9], sitk.sitkVectorUInt8, 3), str(tmp_path / "c.mha"))
    with pytest.raises(InputError):
        load_image(tmp_path / "c.mha")
