"""Whole runs on a small slice classifier: points, choice, resuming, cancelling, refusals."""

from __future__ import annotations

import csv
import json
import shutil

import pytest
import torch

from RegQCLib.compression import compress as compress_module
from RegQCLib.compression import slice_targets
from RegQCLib.compression.compress import compress
from RegQCLib.compression.model_files import build, read_model, write_model
from RegQCLib.errors import Cancelled, InputError
from RegQCLib.training.config import TrainingConfig

PLAN = """
[measure]
threads = 1
batch = 4
repeats = 2
pairs = 24
[choose]
loss = 1.0
bytes_share = 0.5
[[step]]
name = "pruned"
do = "prune"
share = 0.25
[[step]]
name = "tuned"
do = "fine-tune"
steps = 2
learning_rate = 1e-4
[[step]]
name = "aware"
do = "quantize-aware"
steps = 2
learning_rate = 1e-4
calibration = 1
[[step]]
name = "slim"
do = "prune-channels"
from = "original"
share = 0.5
multiple = 2
[[step]]
name = "taught"
do = "distill"
steps = 1
learning_rate = 1e-4
[[step]]
name = "four"
do = "quantize-weights"
bits = 4
[[step]]
name = "onnx8"
do = "export"
form = "onnx-int8"
calibration = 1
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A folder with a model, a plan, and what one whole run made of them."""
    folder = tmp_path_factory.mktemp("compress")
    torch.manual_seed(0)
    module = build("slice_classifier", {"width": 4})
    write_model(folder / "model.npz", module, {"width": 4}, 32)
    (folder / "plan.toml").write_text(PLAN)
    with pytest.MonkeyPatch.context() as patch:
        config = TrainingConfig(
            "slice_classifier", "small", 10, 4, 1e-3, size=32, bank_maps=1, bank_size=32
        )
        patch.setattr(slice_targets, "load_config", lambda _: config)
        patch.setattr(slice_targets, "SIZE", 32)
        # a process for every point would take most of the test's time; test_forms starts some
        patch.setattr(compress_module, "peak_memory_mb", lambda *_: 50.0)
        best = compress(folder / "model.npz", folder / "plan.toml", folder / "out")
        yield folder, best


def rows(folder):
    with (folder / "points.csv").open(newline="") as stream:
        return {row["name"]: row for row in csv.DictReader(stream)}


def test_every_step_is_a_measured_point(small):
    folder, _ = small
    table = rows(folder / "out")
    names = ["original", "pruned", "tuned", "aware", "slim", "taught", "four", "onnx8"]
    assert list(table) == names
    for name, row in table.items():
        files = [f for f in (folder / "out" / "points" / name).iterdir() if f.name != "point.json"]
        assert int(row["bytes"]) == sum(f.stat().st_size for f in files), name
        assert float(row["latency_ms"]) > 0
        assert float(row["memory_mb"]) == 50
        assert 0 <= float(row["metric"]) <= 1
    assert float(table["pruned"]["zeros"]) == pytest.approx(0.25, abs=1e-4)
    assert float(table["tuned"]["zeros"]) == pytest.approx(0.25, abs=1e-4)
    assert float(table["aware"]["zeros"]) > 0.249  # rounding makes zeros too
    assert int(table["slim"]["parameters"]) < 0.4 * int(table["original"]["parameters"])
    assert table["taught"]["parameters"] == table["slim"]["parameters"]
    assert table["four"]["bits"] == "4"


def test_the_chosen_point_keeps_to_the_plan_and_has_a_card(small):
    folder, best = small
    table = rows(folder / "out")
    most = 0.5 * 4 * int(table["original"]["parameters"])
    allowed = [row for row in table.values() if int(row["bytes"]) <= most]
    assert best.name == min(allowed, key=lambda row: float(row["latency_ms"]))["name"]
    card = (folder / "out" / "chosen" / "model.md").read_text()
    assert best.name in card
    assert "AUROC" in card
    assert (folder / "out" / "pareto.png").stat().st_size > 1000


def test_a_second_run_keeps_what_is_done_and_remakes_what_changed(small, tmp_path):
    folder, _ = small
    shutil.copytree(folder / "out", tmp_path / "out")
    stamps = {f: f.stat().st_mtime_ns for f in (tmp_path / "out" / "points").rglob("point.json")}
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN.replace("bits = 4", "bits = 8"))
    compress(folder / "model.npz", plan, tmp_path / "out")
    changed = {f.parent.name for f, stamp in stamps.items() if f.stat().st_mtime_ns != stamp}
    assert changed == {"four", "onnx8"}  # the latter is made of the former
    assert rows(tmp_path / "out")["four"]["bits"] == "8"


def test_a_cancelled_run_leaves_finished_points_to_go_on_from(small, tmp_path, monkeypatch):
    folder, _ = small

    def stop(stage, fraction):
        if stage.startswith("slim"):
            raise Cancelled

    with pytest.raises(Cancelled):
        compress(folder / "model.npz", folder / "plan.toml", tmp_path / "out", progress=stop)
    done = {f.parent.name for f in (tmp_path / "out").rglob("point.json")}
    assert done == {"original", "pruned", "tuned", "aware"}
    made = []
    real = compress_module.run_step

    def watch(step, *rest, **more):
        made.append(step.name)
        return real(step, *rest, **more)

    monkeypatch.setattr(compress_module, "run_step", watch)
    compress(folder / "model.npz", folder / "plan.toml", tmp_path / "out")
    assert made == ["slim", "taught", "four", "onnx8"]


def test_stored_points_are_the_networks_they_say(small):
    folder, _ = small
    points = folder / "out" / "points"
    pruned = read_model(points / "pruned" / "model.npz").module
    tuned = read_model(points / "tuned" / "model.npz").module
    for name, before in pruned.named_parameters():
        if before.ndim > 1:
            after = tuned.get_parameter(name)
            assert (after[before == 0] == 0).all()
    assert json.loads((points / "aware" / "point.json").read_text())["bits"] == 8


def test_folders_of_others_and_limits_out_of_reach_are_one_line(small, tmp_path):
    folder, _ = small
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="holds something else"):
        compress(folder / "model.npz", folder / "plan.toml", other)
    write_model(tmp_path / "new.npz", build("slice_classifier", {"width": 4}), {"width": 4}, 8)
    with pytest.raises(InputError, match="another model"):
        compress(tmp_path / "new.npz", folder / "plan.toml", folder / "out")
    strict = tmp_path / "strict.toml"
    strict.write_text(PLAN.replace("bytes_share = 0.5", "bytes_share = 0.001"))
    shutil.copytree(folder / "out", tmp_path / "out")
    with pytest.raises(InputError, match="no point loses"):
        compress(folder / "model.npz", strict, tmp_path / "out")
    assert len(rows(tmp_path / "out")) == 8


def test_a_step_that_cannot_be_names_itself(small, tmp_path):
    folder, _ = small
    plan = tmp_path / "plan.toml"
    plan.write_text('[measure]\npairs = 8\n[[step]]\ndo = "prune"\nshare = 1.5\n')
    with pytest.raises(InputError, match=r"step prune: the share") as caught:
        compress(folder / "model.npz", plan, tmp_path / "out")
    assert "\n" not in str(caught.value)
