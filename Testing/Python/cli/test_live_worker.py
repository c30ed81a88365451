"""The process behind live scores: what it answers, on images made coarser, through transforms."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from qc.support import BlockMatchingEngine, grid_around_origin, picture, plain_calibration, turned

from RegQCLib.cli import live_worker as module
from RegQCLib.cli.live_worker import LiveScores, answers, coarser, read_transform
from RegQCLib.geometry.transform_io import save_transform
from RegQCLib.geometry.transforms import Affine, Composite, to_displacement
from RegQCLib.geometry.volume import Volume
from RegQCLib.qc import live

GRID = grid_around_origin((40, 52, 44), (1.4, 1.4, 1.4))
MOTION = Affine.rigid(rotation_deg=(3, -2, 4), translation_mm=(2.0, -3.0, 1.5))
MIDDLE = [20, 26, 22]
NOTHING = Affine.identity()


@pytest.fixture(autouse=True)
def engine(monkeypatch):
    monkeypatch.setattr(module, "OpenVINOEngine", lambda **_: BlockMatchingEngine())
    monkeypatch.setattr(live, "choose_engine", lambda *_: BlockMatchingEngine())
    monkeypatch.setattr(live, "load_calibration", lambda _: plain_calibration())


def described(folder, moving, parts=()):
    """PAIR.json of the picture and a moving image."""
    pair = {"transform": list(parts), "tolerance_mm": None}
    for name, volume in (("fixed", picture(GRID)), ("moving", moving)):
        np.save(folder / f"{name}.npy", volume.array)
        affine = volume.affine.tolist()
        pair[name] = {"array": f"{name}.npy", "affine": affine, "name": volume.name}
    file = folder / "pair.json"
    file.write_text(json.dumps(pair))
    return file


def asked(file, *questions):
    lines = io.StringIO("".join(json.dumps(one) + "\n" for one in questions))
    return [json.loads(json.dumps(said, allow_nan=False)) for said in answers(file, lines)]


def test_answers_are_those_of_the_probe(tmp_path):
    moving = picture(GRID, MOTION)
    said = asked(
        described(tmp_path, moving),
        {"number": 1, "index": MIDDLE, "matrix": None},
        {"number": 2, "index": MIDDLE, "matrix": MOTION.matrix.tolist()},
    )
    assert [one["event"] for one in said] == ["ready", "scores", "scores"]
    probe = live.SliceProbe(picture(GRID), moving)
    for number, transform in ((1, None), (2, MOTION)):
        planes = said[number]["planes"]
        assert said[number]["number"] == number
        for plane, axis in zip(planes, probe.score(tuple(MIDDLE), transform), strict=True):
            (score,) = axis.slices
            assert plane["name"] == axis.name
            assert plane["flagged"] == score.flagged == (number == 1)
            assert plane["error_mm"] == pytest.approx(score.error_mm)
            assert plane["probability_misaligned"] == pytest.approx(score.probability_misaligned)


def test_points_go_through_the_matrix_and_then_through_the_transform(tmp_path):
    moving = picture(GRID, MOTION)
    shift = Affine.rigid(translation_mm=(6, 0, 0))
    matrix = shift.inverse().matrix.tolist()
    field = to_displacement(Composite([shift, MOTION]), GRID)
    np.save(tmp_path / "field.npy", field.array)
    parts = [{"array": "field.npy", "affine": GRID.affine.tolist()}]
    said = asked(
        described(tmp_path, moving, [{"matrix": shift.matrix.tolist()}]),
        {"number": 1, "index": MIDDLE, "matrix": matrix},
        {"transform": parts},
        {"number": 2, "index": MIDDLE, "matrix": matrix},
        {"transform": [{"matrix": MOTION.matrix.tolist()}]},
        {"number": 3, "index": MIDDLE},
    )
    assert [one.get("number") for one in said] == [None, 1, 2, 3]
    flagged = [[plane["flagged"] for plane in one["planes"]] for one in said[1:]]
    assert flagged == [[True] * 3, [False] * 3, [False] * 3]


def test_parts_of_a_transform_are_read_in_order(tmp_path):
    shift = Affine.rigid(translation_mm=(3, 0, 0))
    save_transform(MOTION, tmp_path / "own.h5")
    parts = [{"matrix": shift.matrix.tolist()}, {"file": "own.h5"}]
    points = np.array([[1.0, 2, 3], [-10, 4, 0]])
    way = read_transform(parts, tmp_path)
    np.testing.assert_allclose(way.apply(points), MOTION.apply(shift.apply(points)), atol=1e-6)
    np.testing.assert_allclose(read_transform([], tmp_path).apply(points), points)


def test_bad_questions_are_answered_and_do_not_end_it(tmp_path):
    said = asked(
        described(tmp_path, picture(GRID)),
        {"number": 1, "index": [0, 0, 44]},
        {"transform": [{"file": "missing.h5"}]},
        {"number": 3, "index": MIDDLE},
    )
    assert [one["event"] for one in said] == ["ready", "error", "error", "scores"]
    assert said[1]["number"] == 1
    assert "outside the fixed image" in said[1]["message"]
    assert "missing.h5" in said[2]["message"]


def test_a_pair_that_cannot_be_judged_ends_it_at_once(tmp_path):
    flat = Volume(np.ones(GRID.shape), GRID.affine, "flat")
    (said,) = asked(described(tmp_path, flat), {"number": 1, "index": MIDDLE})
    assert said["event"] == "error"
    assert "flat" in said["message"]
    assert "number" not in said


def test_fine_voxels_are_averaged_and_indices_follow(tmp_path):
    fine = grid_around_origin((81, 106, 88), (0.5, 0.5, 0.5), direction=turned(20))
    shown = picture(fine)
    less = coarser(shown)
    assert less.shape == (40, 53, 44)
    np.testing.assert_allclose(less.spacing, 1.0)
    first = shown.array[:2, :2, :2].mean()
    assert less.array[0, 0, 0] == pytest.approx(first)
    np.testing.assert_allclose(less.grid.to_world((0, 0, 0)), fine.to_world((0.5, 0.5, 0.5)))
    assert coarser(picture(GRID)).shape == GRID.shape
    scores = LiveScores(shown, picture(fine, MOTION), NOTHING, tmp_path)
    asked_for = []
    scores._probe.score = lambda index, _: asked_for.append(index) or []
    for index in ([0, 0, 0], [41, 53, 45], [80, 105, 87]):  # the last beyond the last block
        scores.answer({"number": 1, "index": index})
    assert asked_for == [(0, 0, 0), (20, 26, 22), (39, 52, 43)]
    whole = LiveScores(shown, shown, NOTHING, tmp_path)
    assert "outside" in whole.answer({"number": 1, "index": [81, 0, 0]})["message"]


def test_a_real_answer_of_fine_images_sees_the_motion(tmp_path):
    fine = grid_around_origin((40, 50, 44), (1.0, 1.0, 1.0))
    half = grid_around_origin((80, 100, 88), (0.5, 0.5, 0.5))
    planes = [
        LiveScores(picture(grid), picture(grid, MOTION), NOTHING, tmp_path).answer(
            {"number": 1, "index": [n // 2 for n in grid.shape]}
        )["planes"]
        for grid in (fine, half)
    ]
    for one, other in zip(*planes, strict=True):
        assert one["flagged"]
        assert other["flagged"]
        assert other["error_mm"] == pytest.approx(one["error_mm"], rel=0.25)
