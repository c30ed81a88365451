"""The experiments on trained networks: their splits, thinned images, tables, and a tiny run."""

from __future__ import annotations

import os

import numpy as np
import pytest
import tomllib
import torch

from RegQCLib.compression.plan import load_plan
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.image_io import save_volume
from RegQCLib.geometry.volume import Volume
from RegQCLib.training.registration.pairs import TrainingPairs
from Testing.Benchmarks.learned import (
    compressed_voxelmorph,
    unsupervised_brains,
    weakly_supervised,
)
from Testing.Benchmarks.learned.data import FIVE, LabeledSet, anatomy, merged, scored
from Testing.Benchmarks.learned.figure import save_figure
from Testing.Benchmarks.learned.intervals import summary
from Testing.Benchmarks.learned.training import kept, toml


def boxes(folder, count: int = 6) -> LabeledSet:
    """Boxes of two labels, each at another place."""
    rng = np.random.default_rng(0)
    subjects = tuple(f"{n:02d}" for n in range(count))
    for name in subjects:
        i, j, k = rng.integers(0, 5, 3)
        labels = np.zeros((16, 16, 16), np.int16)
        labels[2 + i : 10 + i, 2 + j : 9 + j, 2 + k : 10 + k] = 1
        labels[3 + i : 6 + i, 3 + j : 6 + j, 3 + k : 7 + k] = 2
        image = (100 * labels + rng.normal(0, 5, labels.shape)).astype(np.float32)
        for kind, array in (("image", image), ("labels", labels)):
            save_volume(Volume(array, np.eye(4)), folder / f"{name}_{kind}.nii.gz")
    patterns = ("{subject}_image.nii.gz", "{subject}_labels.nii.gz")
    return LabeledSet("hippocampi", folder, *patterns, subjects, 1.0, test=2, validation=2)


def test_every_seed_splits_the_subjects_anew_without_overlap(tmp_path):
    data = LabeledSet("hippocampi", tmp_path, "", "", tuple("abcdefgh"), 1.0, test=3, validation=2)
    splits = [data.split(seed) for seed in range(5)]
    assert all(len(v) == 2 and len(t) == 3 and not set(v) & set(t) for v, t in splits)
    assert len(set(splits)) > 1
    assert data.split(3) == data.split(3)
    uses = [unsupervised_brains.split(seed) for seed in range(5)]
    assert {tuple(sorted(use.values())) for use in uses} == {
        ("test",) * 2 + ("train",) * 4 + ("val",)
    }


def test_tables_are_toml():
    values = {"name": "x", "data": {"size": [1, 2], "crop": False}, "step": [{"do": "prune"}] * 2}
    assert tomllib.loads(toml(values)) == values


def test_figures_are_made_once(tmp_path):
    made = []

    def make():
        made.append(1)
        return {"dice": 0.5}

    for _ in range(2):
        assert kept(tmp_path / "a" / "figures.json", make) == {"dice": 0.5}
    assert made == [1]


def test_intervals_are_those_of_student():
    found = summary([1.0, 2.0, 3.0])
    assert found["mean"] == 2
    assert (
        found["high"] - 2
        == pytest.approx(2 - found["low"])
        == pytest.approx(4.303 / 3**0.5, rel=1e-3)
    )
    assert summary([4.0]) == {"mean": 4.0, "low": None, "high": None}


def test_structures_are_merged_and_chosen():
    labels = Volume(np.array([[[0, 4, 43, 53, 77, 2]]], np.int16), np.eye(4))
    assert merged(labels).array.ravel().tolist() == [0, 1, 1, 5, 0, 0]
    assert scored(labels).array.ravel().tolist() == [0, 4, 43, 53, 0, 2]
    assert sorted(FIVE) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("name", ["vxm_test", "l2r_subj1", "fs_bert"])
def test_left_lies_left_and_up_lies_up_in_every_brain(name):
    if "REGQC_DATA" not in os.environ:
        pytest.skip("needs REGQC_DATA")
    labels = anatomy(name)

    def middle(value):
        return labels.grid.to_world(np.argwhere(labels.array == value).mean(0)[::-1])

    assert middle(10)[0] < middle(49)[0] - 10  # thalamus, left and right
    assert middle(16)[2] < middle(10)[2] - 10  # the brainstem lies below it
    assert middle(8)[1] < middle(12)[1] - 20  # cerebellum behind the putamen


def test_a_thinned_brain_keeps_every_seventh_axial_slice_where_it_was():
    affine = np.array([[-1, 0, 0, 9], [0, 0, 1, -4], [0, -1, 0, 30], [0, 0, 0, 1]], float)
    array = np.random.default_rng(0).random((6, 23, 5)).astype(np.float32)  # j runs down
    whole = Volume(array, affine)
    found = unsupervised_brains.thin(whole)
    assert found.shape == (6, 3, 5)
    assert found.spacing.tolist() == [1, 7, 1]
    for point in ((2, 0, 3), (4, 2, 1)):
        index = np.rint(whole.grid.to_index(Grid(found.shape, found.affine).to_world(point)))
        i, j, k = index.astype(int)
        assert whole.array[k, j, i] == found.array[point[::-1]]


def test_accuracy_is_overlap_and_centroid_distance():
    fixed = torch.zeros(1, 8, 8, 8, dtype=torch.int32)
    moving = fixed.clone()
    fixed[0, 2:4, 2:4, 2:4] = moving[0, 2:4, 2:4, 3:5] = 1
    image = torch.zeros(1, 1, 8, 8, 8)
    pair = TrainingPairs(image, image, fixed, moving, torch.tensor([[1]]))
    found = weakly_supervised.accuracy(None, [pair], 3.0)
    assert found == {"dice": pytest.approx(0.5), "tre_mm": pytest.approx(3.0)}


def test_the_table_of_a_tiny_run(tmp_path):
    pytest.importorskip("onnxruntime")
    folder = tmp_path / "data"
    folder.mkdir()
    sizes = {"steps": 2, "tuning": 1, "repeats": 1}
    rows = weakly_supervised.run_one(boxes(folder), 0, tmp_path / "work", sizes)
    assert set(rows) == {"before", *weakly_supervised.TABLE}
    assert rows["pruned"]["zeros"] == pytest.approx(0.25, abs=0.01)
    assert rows["tuned"]["zeros"] >= 0.24
    assert rows["tuned-4"]["bytes"] < rows["tuned-8"]["bytes"] < rows["original"]["bytes"]
    overlaps = {name: row["dice"] for name, row in rows.items() if "dice" in row}
    assert set(rows) - set(overlaps) == {"onnx-int8", "openvino-int8"}
    assert all(0 <= value <= 1 for value in overlaps.values())
    table = weakly_supervised.summarized([rows, rows])
    assert table["tuned"]["dice_gain"]["mean"] == pytest.approx(
        rows["tuned"]["dice"] - rows["original"]["dice"]
    )


def test_figures_draw_rows_with_and_without_intervals(tmp_path):
    pytest.importorskip("matplotlib")
    before = {"dice": summary([0.5, 0.6, 0.55])}
    trained = {"dice": summary([0.7]), "seconds": summary([2.0, 3.0])}
    tables = {"brains": {"before": before, "trained": trained}, "other": {"before": before}}
    axes = {"dice": "Dice", "seconds": "seconds"}
    save_figure(tmp_path / "new" / "figure.png", tables, axes)
    assert (tmp_path / "new" / "figure.png").read_bytes()[1:4] == b"PNG"
    words = weakly_supervised.labeled({"set": {"before": before, "tuned-4": trained}})
    assert list(words["set"]) == ["not registered", "pruned, re-trained, 4 bits"]


def test_every_form_of_a_voxelmorph_is_made_and_found(tmp_path):
    plan = load_plan(_written(tmp_path / "plan.toml", compressed_voxelmorph.plan(tmp_path)))
    assert ["original", *(step.name for step in plan.steps)] == list(compressed_voxelmorph.ROWS)
    for step in plan.steps:
        file = compressed_voxelmorph.point(tmp_path, step.name)
        assert file.name == ("model.npz" if step.form == "torch" else "model.xml")


def test_what_compression_loses_is_told_with_its_interval():
    runs = [
        {"original": {"dice": 0.6}, "small": {"dice": 0.59}},
        {"original": {"dice": 0.7}, "small": {"dice": 0.67}},
    ]
    lost = compressed_voxelmorph.summarized(runs)["small"]["dice_lost"]
    assert lost["mean"] == pytest.approx(0.02)
    assert lost["low"] < 0 < lost["high"]


def _written(path, table):
    path.write_text(toml(table))
    return path
