"""Methods on a set of pairs: rows, summaries, ranks, and what fails beside what works."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from evaluation.support import GRID, SHAPE, blobs, labels
from scipy.ndimage import gaussian_filter

from RegQCLib.batch.pairs import Pair
from RegQCLib.errors import InputError
from RegQCLib.evaluation.comparison import compare
from RegQCLib.evaluation.evaluate import evaluate
from RegQCLib.evaluation.learn2reg_ranking import rank_scores, significant_losses
from RegQCLib.evaluation.methods import Method, read_methods
from RegQCLib.evaluation.pair_set import Row, run_set
from RegQCLib.geometry.image_io import save_volume
from RegQCLib.geometry.resample import resample
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.steps import Step

SHIFT = Affine.from_parameters(translation_mm=(2.0, -1.5, 2.5))


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> list[Pair]:
    """Two pairs that SHIFT aligns, one that has no labels, and one whose file is missing."""
    folder = tmp_path_factory.mktemp("set")
    found = []
    for number in range(2):
        shapes = labels(blobs(number))
        noise = np.random.default_rng(number).normal(size=SHAPE)
        image = Volume((50 * shapes.array + 20 * gaussian_filter(noise, 1)), GRID.affine, "image")
        moved = resample(shapes, GRID, SHIFT.inverse(), interpolation="nearest")
        files = {
            "fixed": image,
            "moving": resample(image, GRID, SHIFT.inverse()),
            "fixed_labels": shapes,
            "moving_labels": moved,
        }
        paths = {role: folder / f"{number}_{role}.nii.gz" for role in files}
        for role, volume in files.items():
            save_volume(volume, paths[role])
        found.append(Pair(f"p{number}", paths))
    images = {role: found[0].inputs[role] for role in ("fixed", "moving")}
    broken = {**found[1].inputs, "moving": folder / "nothing.nii.gz"}
    return [*found, Pair("bare", images), Pair("lost", broken)]


def shifted(fixed: Volume, moving: Volume, start: Affine) -> Step:
    assert fixed.shape == moving.shape == SHAPE
    return Step("shift", SHIFT, SHIFT.inverse())


def refusing(fixed: Volume, moving: Volume, start: Affine) -> Step:
    raise InputError("too small for this method")


def test_every_pair_gets_a_row_by_every_method(pairs):
    methods = [*read_methods([], "cpu"), Method("shift", shifted), Method("none", refusing)]
    told: list[float] = []
    rows = run_set(pairs, methods, progress=lambda _stage, fraction: told.append(fraction))
    assert [(row.id, row.method) for row in rows] == [
        (pair.id, name) for pair in pairs for name in ("start", "shift", "none")
    ]
    assert told == sorted(told)
    assert 0 <= told[0] < told[-1] < 1
    start, shift, none = rows[:3]
    assert none.problem == "too small for this method"
    assert not none.values
    assert "neither labels nor landmarks" in rows[6].problem
    assert "nothing.nii.gz" in rows[9].problem
    assert shift.seconds is not None
    assert shift.values["dice"] > start.values["dice"] + 0.05
    shapes = [labels(blobs(0))]
    moved = resample(shapes[0], GRID, SHIFT.inverse(), interpolation="nearest")
    alone = evaluate((shapes[0], moved), SHIFT, learn2reg=True)
    assert shift.values["dice"] == pytest.approx(alone.mean("dice"))
    assert shift.values["hd95_mm"] == pytest.approx(alone.mean("hd95_mm"))
    assert shift.values["learn2reg_dice"] == pytest.approx(alone.learn2reg.dice.mean)
    assert shift.values["folded_percent"] == 0
    assert "tre_mm" not in shift.values


def test_a_rigid_start_is_where_all_methods_begin(pairs):
    rows = run_set(pairs[:1], read_methods(["rigid"], "cpu"), start="rigid", device="cpu")
    start, rigid = rows
    (unmoved,) = run_set(pairs[:1], read_methods([], "cpu"))
    assert start.values["dice"] > unmoved.values["dice"] + 0.05
    assert rigid.values["dice"] == pytest.approx(start.values["dice"], abs=0.05)
    with pytest.raises(InputError, match="start at one of given, rigid, affine"):
        run_set(pairs, [], start="elsewhere")


def test_landmarks_alone_give_the_error_and_the_field(tmp_path, pairs):
    (tmp_path / "fixed.csv").write_text("R,A,S\n1,2,3\n4,5,6\n")
    (tmp_path / "moving.csv").write_text("R,A,S\n3,0.5,5.5\n6,3.5,8.5\n")
    inputs = {role: pairs[0].inputs[role] for role in ("fixed", "moving")}
    inputs |= {f"{side}_landmarks": tmp_path / f"{side}.csv" for side in ("fixed", "moving")}
    (row,) = run_set([Pair("points", inputs)], [Method("shift", shifted)])
    assert row.values["tre_mm"] == pytest.approx(0, abs=1e-9)
    assert row.values["sd_log_jacobian"] == pytest.approx(0, abs=1e-9)
    assert "dice" not in row.values


def rows_of(values: dict[str, list[float]]) -> list[Row]:
    return [
        Row(f"p{n}", method, 1.0 + n, {"dice": dice, "learn2reg_dice": dice, "tre_mm": 1 - dice})
        for method, series in values.items()
        for n, dice in enumerate(series)
    ]


def test_ranks_are_those_of_learn2reg_over_the_pairs_that_all_methods_managed():
    rng = np.random.default_rng(0)
    series = {
        "start": np.full(20, 0.1),
        "good": 0.8 + 0.01 * rng.random(20),
        "bad": 0.5 + 0.01 * rng.random(20),
        "same": 0.5 + 0.01 * rng.random(20),
    }
    rows = rows_of({name: values.tolist() for name, values in series.items()})
    rows.append(Row("p20", "good", 1.0, {"dice": 0.0, "learn2reg_dice": 0.0, "tre_mm": 9.0}))
    rows.append(Row("p20", "bad", problem="did not work"))
    result = compare(rows, {})
    table = np.stack([series[name] for name in ("good", "bad", "same")])
    expected = rank_scores(significant_losses(table, higher_is_better=True))
    assert expected.tolist() == pytest.approx([1.0, 0.325, 0.325])
    found = {one.name: one for one in result.standings}
    assert [found[n].rank["dice"] for n in ("good", "bad", "same")] == expected.tolist()
    assert found["good"].rank["all"] == pytest.approx(1.0)
    assert found["start"].rank == {}
    assert result.ranked_pairs == 20
    assert result.problems == ["p20, bad: did not work"]
    assert found["bad"].pairs == 20
    assert found["good"].pairs == 21
    assert found["start"].mean["dice"] == pytest.approx(0.1)
    assert found["bad"].seconds == pytest.approx(10.5)


def test_tables_read_back(tmp_path):
    result = compare(rows_of({"a": [0.25, 0.75], "b": [0.5, 0.5]}), {"version": "1"})
    result.save(tmp_path)
    rows = list(csv.DictReader(StringIO((tmp_path / "pairs.csv").read_text())))
    assert [row["dice"] for row in rows] == ["0.25", "0.75", "0.5", "0.5"]
    assert rows[0]["hd95_mm"] == ""
    facts = json.loads((tmp_path / "comparison.json").read_text())
    assert facts["methods"][0]["mean"]["dice"] == 0.5
    assert facts["methods"][0]["sd"]["dice"] == 0.25
    lines = result.table().splitlines()
    assert "Dice" in lines[0]
    assert "HD95" not in lines[0]
    assert "0.500 ± 0.250" in lines[1]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["nothing"], "no such method or model file: nothing; give one of rigid"),
        (["voxelmorph-1"], "a voxelmorph-1 registration needs a trained model"),
        (["affine", "affine"], "two methods are called affine"),
        ([f"mine={Path(__file__)}"], "test_pair_set.py"),
    ],
)
def test_unusable_methods_are_told(texts, message):
    pytest.importorskip("torch")
    with pytest.raises(InputError, match=message):
        read_methods(texts, "cpu")


def test_the_network_that_ships_is_a_method():
    pytest.importorskip("torch")
    assert [one.name for one in read_methods(["contrast-agnostic"], "cpu")][1:] == [
        "contrast-agnostic"
    ]


def test_a_model_file_is_a_method_named_after_it(tmp_path, pairs):
    pytest.importorskip("torch")
    from RegQCLib.registration.networks.model_file import save_model
    from RegQCLib.registration.networks.preprocessing import ImagePreprocessing
    from RegQCLib.registration.networks.registry import build_network

    settings = {"encoder": [2, 2], "decoder": [2, 2, 2]}
    save_model(
        tmp_path / "small.npz",
        network="voxelmorph-1",
        settings=settings,
        state=build_network("voxelmorph-1", settings).state_dict(),
        preprocessing=ImagePreprocessing(spacing_mm=2.0),
        about={},
    )
    methods = read_methods([str(tmp_path / "small.npz"), f"again={tmp_path / 'small.npz'}"], "cpu")
    assert [one.name for one in methods] == ["start", "small", "again"]
    rows = run_set(pairs[:1], methods)
    assert rows[1].values == rows[2].values
    assert rows[1].values["dice"] == pytest.approx(rows[0].values["dice"], abs=0.05)
    assert not rows[1].problem
