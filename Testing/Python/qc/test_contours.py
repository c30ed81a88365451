"""Contour agreement against closed forms and SimpleITK."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from RegQCLib.errors import InputError
from RegQCLib.geometry.sitk import to_sitk
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCLib.qc.contours import contour_agreement

AFFINE = np.array([[0.8, 0, 0, -20], [0, 1.1, 0, -10], [0, 0, 2.5, 5], [0, 0, 0, 1.0]])
SHAPE = (14, 30, 40)


def labels(*boxes: tuple[int, tuple[slice, slice, slice]]) -> Volume:
    array = np.zeros(SHAPE, dtype=np.uint8)
    for value, box in boxes:
        array[box] = value
    return Volume(array, AFFINE, "labels")


ONE = (slice(3, 9), slice(5, 20), slice(8, 30))


def test_dice_is_that_of_simpleitk():
    other = (slice(4, 10), slice(7, 22), slice(8, 28))
    a, b = labels((1, ONE)), labels((1, other))
    dice, _ = contour_agreement(a, b)
    measure = sitk.LabelOverlapMeasuresImageFilter()
    measure.Execute(to_sitk(a), to_sitk(b))
    assert dice == {"1": pytest.approx(measure.GetDiceCoefficient())}


def test_distance_of_parallel_sheets_is_their_gap():
    a = labels((1, (slice(2, 3), slice(None), slice(None))))
    b = labels((1, (slice(5, 6), slice(None), slice(None))))
    assert contour_agreement(a, b)[1] == {"1": pytest.approx(3 * 2.5)}


def test_a_transform_brings_labels_back():
    shifted = Volume(labels((1, ONE)).array, _shifted(AFFINE, (8.0, 0, 0)), "moving")
    motion = Affine.rigid(translation_mm=(8.0, 0, 0))
    dice, distance = contour_agreement(labels((1, ONE)), shifted, motion)
    assert dice["1"] == pytest.approx(1.0)
    assert distance["1"] == pytest.approx(0.0)
    off, _ = contour_agreement(labels((1, ONE)), shifted)
    assert off["1"] == pytest.approx(12 / 22)  # 10 of 22 voxels further along i


def test_a_structure_in_one_image_only_has_no_distance():
    both = labels((1, ONE), (2, (slice(10, 12), slice(2, 6), slice(2, 6))))
    dice, distance = contour_agreement(both, labels((1, ONE)))
    assert dice == {"1": 1.0, "2": 0.0}
    assert distance == {"1": 0.0, "2": None}
    assert contour_agreement(labels((1, ONE)), both)[1]["2"] is None


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros(SHAPE), "no label but 0"),
        (np.full(SHAPE, 0.5), "whole numbers"),
        (np.arange(np.prod(SHAPE)).reshape(SHAPE), "looks like an image"),
    ],
)
def test_what_is_no_label_image_is_refused(array, reason):
    volume = Volume(array, AFFINE, "labels")
    with pytest.raises(InputError, match=reason):
        contour_agreement(volume, volume)


def _shifted(affine: np.ndarray, shift: tuple[float, float, float]) -> np.ndarray:
    result = affine.copy()
    result[:3, 3] += shift
    return result
