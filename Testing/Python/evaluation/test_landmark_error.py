"""Landmark errors against closed forms, from points and from files."""

from __future__ import annotations

import json

import numpy as np
import pytest

from RegQCLib.errors import InputError
from RegQCLib.evaluation.landmark_error import target_registration_error
from RegQCLib.geometry.landmarks import load_landmarks
from RegQCLib.geometry.transforms import Affine


def test_fixed_points_are_mapped_to_moving_points():
    fixed = np.array([[0.0, 0, 0], [10, -5, 3], [2, 2, 2]])
    motion = Affine.rigid(rotation_deg=(0, 0, 30), translation_mm=(3, 0, -1), center=(1, 2, 3))
    off = np.array([[0, 0, 0], [3, 4, 0], [0, 0, -2.0]])
    moving = motion.apply(fixed) + off
    np.testing.assert_allclose(
        target_registration_error(fixed, moving, motion), [0, 5, 2], atol=1e-9
    )
    assert target_registration_error(fixed, fixed + 1.0).tolist() == pytest.approx([3**0.5] * 3)


@pytest.mark.parametrize(("system", "sign"), [("LPS", -1.0), ("RAS", 1.0)])
def test_errors_of_markups_in_either_coordinate_system(tmp_path, system, sign):
    ras = np.array([[1.0, 2.0, 3.0], [-4.0, 5.0, 6.0]])
    points = [{"position": (p * (sign, sign, 1)).tolist()} for p in ras]
    markup = {"markups": [{"coordinateSystem": system, "controlPoints": points}]}
    (tmp_path / "a.mrk.json").write_text(json.dumps(markup))
    (tmp_path / "b.csv").write_text("R,A,S\n1,2,3\n-4,5,9\n")
    error = target_registration_error(
        load_landmarks(tmp_path / "a.mrk.json"), load_landmarks(tmp_path / "b.csv")
    )
    np.testing.assert_allclose(error, [0, 3], atol=1e-9)


@pytest.mark.parametrize(("a", "b"), [((2, 3), (3, 3)), ((0, 3), (0, 3)), ((2, 2), (2, 2))])
def test_lists_of_landmarks_must_match(a, b):
    with pytest.raises(InputError, match="same number of points"):
        target_registration_error(np.zeros(a), np.zeros(b))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_landmarks_must_be_finite(value):
    bad = np.array([[0.0, 1.0, value]])
    for pair in ((bad, np.zeros((1, 3))), (np.zeros((1, 3)), bad)):
        with pytest.raises(InputError, match="not finite"):
            target_registration_error(*pair)
