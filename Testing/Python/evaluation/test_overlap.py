"""Dice and Jaccard against SimpleITK."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from evaluation.support import blobs

from RegQCLib.evaluation.overlap import dice, jaccard


@pytest.mark.parametrize("seed", range(5))
def test_overlap_is_that_of_simpleitk(seed):
    a, b = blobs(seed) == 1, blobs(seed + 100) == 1
    measure = sitk.LabelOverlapMeasuresImageFilter()
    measure.Execute(*(sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (a, b)))
    assert dice(a, b) == pytest.approx(measure.GetDiceCoefficient())
    assert jaccard(a, b) == pytest.approx(measure.GetJaccardCoefficient())


def test_the_same_nothing_shared_and_nothing_at_all():
    full, empty = np.ones((2, 3, 4), bool), np.zeros((2, 3, 4), bool)
    for measure in (dice, jaccard):
        assert measure(full, full) == 1
        assert measure(full, empty) == 0
        assert measure(empty, empty) == 0


def test_half_a_structure():
    whole = np.ones((4, 5, 6), bool)
    half = whole.copy()
    half[:2] = False
    assert dice(whole, half) == pytest.approx(2 / 3)
    assert jaccard(whole, half) == pytest.approx(1 / 2)
