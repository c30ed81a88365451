"""A whole evaluation: known motions of known shapes, as numbers, JSON, CSV and table."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from evaluation.support import GRID, SHAPE, ball, blobs, labels

from RegQCLib.errors import InputError
from RegQCLib.evaluation.evaluate import evaluate
from RegQCLib.evaluation.results import Evaluation, LabelScores
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transforms import Affine, to_displacement
from RegQCLib.geometry.volume import Volume

MOTION = Affine.rigid((3, -4, 5), (6, 2, -3), GRID.center)
MOVED = Grid(SHAPE, MOTION.matrix @ GRID.affine)
ARRAY = blobs(0)
PAIR = (labels(ARRAY), labels(ARRAY, grid=MOVED))
POINTS = GRID.to_world([[3, 4, 5], [20, 15, 10], [9, 9, 9]])
LANDMARKS = (POINTS, MOTION.apply(POINTS) + np.array([[0, 0, 0], [0, 3, 4], [1, 0, 0]]))


def test_the_true_motion_is_perfect():
    found = evaluate(PAIR, MOTION, inverse=MOTION.inverse())
    assert [one.label for one in found.labels] == [1, 2, 3]
    for one in found.labels:
        assert (one.dice, one.jaccard, one.hd95_mm, one.assd_mm) == (1, 1, 0, 0)
    assert (found.jacobian.folded_voxels, found.jacobian.voxels) == (0, ARRAY.size)
    assert found.inverse_consistency.max_mm < 1e-9
    assert found.region == "the whole image"
    assert found.warnings == []


def test_a_shift_along_an_axis_in_mm():
    sheet = np.zeros(SHAPE, np.uint8)
    sheet[4, 2:-2, 2:-2] = 1
    shift = GRID.affine[:3, 2] * 3  # three slices
    found = evaluate((labels(sheet), labels(sheet)), Affine.rigid(translation_mm=shift))
    (one,) = found.labels
    assert (one.dice, one.jaccard) == (0, 0)
    assert one.assd_mm == one.hd95_mm == pytest.approx(3 * GRID.spacing[2])


def test_landmarks_alone():
    found = evaluate(landmarks=LANDMARKS)
    assert found.labels == []
    moved = np.linalg.norm(LANDMARKS[1] - LANDMARKS[0], axis=1)
    np.testing.assert_allclose(found.landmark_errors_mm, moved)
    assert found.jacobian is None
    found = evaluate(transform=MOTION, landmarks=LANDMARKS)
    np.testing.assert_allclose(found.landmark_errors_mm, [0, 5, 1], atol=1e-9)
    assert found.jacobian is None
    assert "the fixed image is unknown" in found.warnings[0]


def test_the_field_counts_in_the_mask_only():
    x = (GRID.points() - GRID.center)[..., 0]
    field = DisplacementField(np.stack([0.08 * x**2, 0 * x, 0 * x]), GRID.affine)
    calm = labels((x > -3).astype(np.uint8), "mask")
    everywhere = evaluate(transform=field)
    masked = evaluate(transform=field, mask=calm)
    assert everywhere.jacobian.folded_voxels > 0
    assert masked.jacobian.folded_voxels == 0
    assert masked.jacobian.voxels == (x > -3).sum()
    assert masked.region == "the mask"


def test_a_structure_missing_on_one_side():
    moving = np.where(ARRAY == 2, 0, ARRAY)
    found = evaluate((labels(ARRAY), labels(moving)), learn2reg=True)
    assert [one.dice for one in found.labels] == [1, 0, 1]
    assert [one.hd95_mm for one in found.labels] == [0, None, 0]
    assert found.mean("dice") == pytest.approx(2 / 3)
    assert found.mean("assd_mm") == 0
    assert found.learn2reg.dice.mean == 1  # the challenge leaves it out
    assert found.learn2reg.sdlogj is None


def test_figures_of_learn2reg():
    field = to_displacement(MOTION, GRID)
    found = evaluate(PAIR, field, landmarks=LANDMARKS, mask=PAIR[0], learn2reg=True).learn2reg
    assert found.dice.mean > 0.9  # 1 but for what lies beyond the outermost voxel centers
    assert found.hd95_voxels.mean < 2
    assert found.sdlogj == pytest.approx(0, abs=1e-4)
    np.testing.assert_allclose(found.tre_mm, [0, 5, 1], atol=1e-3)


def test_json_and_csv_hold_the_same_numbers(tmp_path):
    moving = np.roll(ARRAY, 1, axis=0)
    moving[moving == 2] = 0
    found = evaluate(
        (labels(ARRAY), labels(moving)),
        Affine.rigid((0, 0, 1)),
        landmarks=LANDMARKS,
        inverse=Affine.identity(),
        learn2reg=True,
    )
    found.save(tmp_path)
    whole = json.loads((tmp_path / "evaluation.json").read_text())
    with (tmp_path / "evaluation.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    table = {(row["measure"], row["item"]): row["value"] for row in rows}
    assert len(table) == len(rows)
    for one in whole["labels"]:
        label = str(one["label"])
        assert float(table["dice", label]) == one["dice"]
        if one["hd95_mm"] is None:
            assert table["hd95", label] == ""
        else:
            assert float(table["hd95", label]) == one["hd95_mm"]
    assert [one["hd95_mm"] is None for one in whole["labels"]] == [False, True, False]
    assert float(table["assd", "mean"]) == whole["mean"]["assd_mm"]
    errors = [float(table["tre", str(n)]) for n in (1, 2, 3)]
    assert errors == whole["landmarks"]["errors_mm"]
    assert whole["landmarks"]["count"] == 3
    assert whole["landmarks"]["mean_mm"] == pytest.approx(np.mean(errors))
    assert float(table["sd_log_jacobian", "the whole image"]) == 0
    consistency = whole["inverse_consistency"]
    assert float(table["inverse_consistency", "p95"]) == consistency["p95_mm"] > 0
    assert whole["learn2reg"]["dice"]["labels"]["2"] is None
    assert table["learn2reg_dice", "2"] == ""
    assert float(table["learn2reg_tre", "mean"]) == whole["learn2reg"]["tre_mm"]["mean"]
    units = {row["measure"]: row["unit"] for row in rows}
    assert (units["hd95"], units["learn2reg_hd95"], units["dice"]) == ("mm", "voxels", "")


def test_an_infinite_distance_is_no_number_in_json():
    one = ball(3, (8, 10, 4), SHAPE).astype(np.uint8)
    shift = GRID.affine[:3, 0] * 12
    found = evaluate((labels(one), labels(one)), Affine.rigid(translation_mm=shift), learn2reg=True)
    assert found.learn2reg.hd95_voxels.mean > 5
    far = Affine.rigid(translation_mm=GRID.affine[:3, 0] * 24)
    found = evaluate((labels(one), labels(one)), far, learn2reg=True)
    assert found.learn2reg.hd95_voxels.mean == np.inf
    assert json.loads(found.to_json())["learn2reg"]["hd95_voxels"] == {
        "labels": {"1": None},
        "mean": None,
    }
    assert "HD95 inf voxels" in found.table()


def test_the_table_says_everything_with_units():
    found = evaluate(PAIR, MOTION, inverse=MOTION.inverse(), landmarks=LANDMARKS, learn2reg=True)
    lines = found.table().splitlines()
    assert lines[0].split() == ["label", "Dice", "Jaccard", "HD95", "mm", "ASSD", "mm"]
    assert lines[1].split() == ["1", "1.000", "1.000", "0.00", "0.00"]
    assert lines[4].split() == ["mean", "1.000", "1.000", "0.00", "0.00"]
    assert lines[5] == (
        "target registration error of 3 landmarks: mean 2.00 mm, median 1.00 mm, "
        "95 % within 4.60 mm, largest 5.00 mm"
    )
    assert lines[6] == (
        f"Jacobian over the whole image: SD of log J 0.0000, folded 0.000% (0 of {ARRAY.size} "
        "voxels)"
    )
    assert lines[7].startswith("inverse consistency over the whole image: mean 0.00 mm")
    assert lines[8].startswith("as Learn2Reg: Dice 0.9")
    assert "SDlogJ 0.0000, TRE 2.00 mm" in lines[8]
    assert len({len(line) for line in lines[:5]}) == 1


def test_means_ignore_what_does_not_exist():
    result = Evaluation(labels=[LabelScores(1, 0.0, 0.0, None, None)])
    assert result.mean("hd95_mm") is None
    assert result.table().splitlines()[1].split() == ["1", "0.000", "0.000", "-", "-"]
    assert Evaluation().mean("dice") is None


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "nothing to evaluate"),
        ({"landmarks": LANDMARKS, "inverse": MOTION}, "give the transform"),
        ({"landmarks": LANDMARKS, "learn2reg": True}, "label images of both sides"),
        ({"landmarks": (POINTS, POINTS[1:])}, "same number of points"),
        ({"labels": (PAIR[0], labels(ARRAY * 0.5))}, "whole numbers"),
        (
            {"transform": MOTION, "mask": Volume(np.zeros(SHAPE), GRID.affine, "m.nii")},
            "m.nii: the mask is empty",
        ),
        (
            {"labels": PAIR, "transform": Affine.rigid(translation_mm=(900, 0, 0))},
            "is for other images",
        ),
    ],
)
def test_what_cannot_be_evaluated_is_refused(options, reason):
    with pytest.raises(InputError, match=reason):
        evaluate(**options)


def test_an_inverse_for_other_images_is_told():
    field = to_displacement(Affine.identity(), GRID)
    far = GRID.affine.copy()
    far[:3, 3] += 300
    inverse = DisplacementField(field.array, far)
    found = evaluate(PAIR, field, inverse=inverse)
    assert found.inverse_consistency is None
    assert "leads outside its inverse" in found.warnings[-1]
