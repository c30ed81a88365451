"""The TG-132 table: tolerances from voxels, statuses, and what would supply a missing value."""

from __future__ import annotations

import numpy as np
import pytest

from RegQCLib.geometry.grid import Grid
from RegQCLib.qc.tg132 import tg132_table

GRID = Grid((9, 8, 7), np.diag([0.7, 0.8, 3.0, 1.0]))
DEFORMABLE = {
    "kind": "deformable",
    "jacobian_min": 0.4,
    "folded_fraction": 0.0,
    "inverse_consistency_mm": None,
}
TRE, MDA, DICE, JACOBIAN, CONSISTENCY = range(5)


def row(which, field=None, **options):
    return tg132_table(GRID, field, **options)[which]


def test_lengths_are_held_against_the_largest_voxel_dimension_of_both_images():
    coarse = Grid((4, 4, 4), np.diag([4.5, 1.0, 1.0, 1.0]))
    for which in (TRE, MDA, CONSISTENCY):
        assert row(which)["limit"] == pytest.approx(3.0)
        assert "3 mm" in row(which)["tolerance"]
        assert row(which, moving_grid=coarse)["limit"] == pytest.approx(4.5)


@pytest.mark.parametrize(
    ("which", "option"),
    [
        (TRE, "--landmarks"),
        (MDA, "--fixed-labels"),
        (DICE, "--moving-labels"),
        (JACOBIAN, "--transform"),
        (CONSISTENCY, "--inverse"),
    ],
)
def test_what_is_missing_names_the_option_that_supplies_it(which, option):
    found = row(which)
    assert found["status"] == "not measured"
    assert found["value"] is None
    assert option in found["note"]


def test_consistency_of_a_given_transform_needs_only_the_inverse():
    assert row(CONSISTENCY, DEFORMABLE)["note"] == "needs inverse: --inverse"


@pytest.mark.parametrize(
    ("errors", "status", "mean"), [([1, 2, 6], "pass", 3.0), ([3, 4, 5], "fail", 4.0)]
)
def test_landmarks_pass_up_to_the_tolerance(errors, status, mean):
    found = row(TRE, landmarks_tre=errors)
    assert (found["status"], found["value"]) == (status, mean)
    assert f"largest {max(errors):.1f} mm" in found["note"]


def test_the_worst_structure_decides():
    found = tg132_table(GRID, None, dice={"1": 0.95, "2": 0.7}, mda={"1": 0.5, "2": 3.5})
    assert (found[DICE]["status"], found[DICE]["value"]) == ("fail", 0.7)
    assert (found[MDA]["status"], found[MDA]["value"]) == ("fail", 3.5)
    assert "worst of 2 structures: 2" in found[DICE]["note"]
    good = tg132_table(GRID, None, dice={"1": 0.8}, mda={"1": 3.0})
    assert [good[DICE]["status"], good[MDA]["status"]] == ["pass", "pass"]


def test_a_structure_that_is_nowhere_fails_although_it_has_no_distance():
    found = tg132_table(GRID, None, dice={"1": 0.9, "2": 0.0}, mda={"1": 0.5, "2": None})
    assert found[MDA]["status"] == "fail"
    assert "not found in both images: 2" in found[MDA]["note"]
    only = tg132_table(GRID, None, dice={"2": 0.0}, mda={"2": None})
    assert (only[MDA]["status"], only[DICE]["status"]) == ("not measured", "fail")


@pytest.mark.parametrize(("lowest", "status"), [(0.2, "pass"), (-0.2, "fail")])
def test_jacobian_of_a_deformation(lowest, status):
    assert row(JACOBIAN, {**DEFORMABLE, "jacobian_min": lowest})["status"] == status


@pytest.mark.parametrize("kind", ["rigid", "affine"])
def test_a_constant_jacobian_is_no_evidence(kind):
    found = row(JACOBIAN, {**DEFORMABLE, "kind": kind, "jacobian_min": 1.0})
    assert found["status"] == "not measured"
    assert "not evidence" in found["note"]
    mirrored = row(JACOBIAN, {**DEFORMABLE, "kind": kind, "jacobian_min": -1.0})
    assert mirrored["status"] == "fail"


@pytest.mark.parametrize(("value", "status"), [(2.9, "pass"), (3.1, "fail")])
def test_inverse_consistency(value, status):
    found = row(CONSISTENCY, {**DEFORMABLE, "inverse_consistency_mm": value})
    assert found["status"] == status
    assert "not accuracy" in found["note"]
