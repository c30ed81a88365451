"""`regqc train registration`: what it hands on, prints, and says when it is stopped."""

from __future__ import annotations

import json
import sys
import types

import pytest
from cli.support import run_regqc

CONFIG = (
    'name = "m"\n[network]\nname = "voxelmorph-1"\n[data]\nsource = "folder"\n'
    'images = "{subject}.nii"\n[training]\nsteps = 2\n'
)


@pytest.fixture
def training(monkeypatch):
    """Put a stand-in in the place of the training module."""
    module = types.ModuleType("RegQCLib.training.registration.train")
    module.calls = []

    def train(*arguments, progress, **options):
        module.calls.append((*arguments, options))
        progress("training", 0.5)
        return arguments[1] / "model.npz"

    module.train = train
    monkeypatch.setitem(sys.modules, "RegQCLib.training.registration.train", module)
    return module


@pytest.fixture
def config(tmp_path):
    (tmp_path / "c.toml").write_text(CONFIG)
    return tmp_path / "c.toml"


def test_it_hands_its_options_on(tmp_path, training, config):
    run = tmp_path / "run"
    done = run_regqc(
        *("train", "registration", "--config", config, "--out", run, "--resume"),
        *("--device", "cpu", "--data", tmp_path),
    )
    assert done.code == 0, done.stderr
    options = {"data": tmp_path, "resume": True, "device": "cpu"}
    assert training.calls == [(config, run, options)]
    assert done.stdout == f"trained; model in {run / 'model.npz'}\n"


def test_only_the_first_of_several_processes_speaks(tmp_path, training, config, monkeypatch):
    arguments = ("train", "registration", "--config", config, "--out", tmp_path / "run")
    lines = run_regqc(*arguments, "--progress", "json").stdout.splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["progress", "result"]
    monkeypatch.setenv("RANK", "1")
    assert run_regqc(*arguments, "--progress", "json").stdout == ""
    assert len(training.calls) == 2


def test_a_stopped_run_says_how_to_go_on(tmp_path, training, config):
    def train(*arguments, **options):
        raise KeyboardInterrupt

    training.train = train
    run = tmp_path / "run"
    arguments = ("train", "registration", "--config", config, "--out", run)
    done = run_regqc(*arguments)
    assert done.code == 130
    assert "no checkpoint is in" in done.stderr
    run.mkdir()
    (run / "checkpoint.pt").touch()
    done = run_regqc(*arguments)
    assert done.code == 130
    assert done.stderr == f"cancelled: the last checkpoint is in {run}; continue with --resume\n"


def test_bad_configurations_are_told_before_anything_loads(tmp_path, training, config):
    config.write_text(CONFIG.replace("steps", "stepps"))
    done = run_regqc("train", "registration", "--config", config)
    assert done.code == 2
    assert "[training] has no setting 'stepps'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not training.calls


def test_missing_packages_are_named(monkeypatch, config):
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    done = run_regqc("train", "registration", "--config", config)
    assert done.code == 2
    assert "training needs lightning_fabric; run: pip install 'RegQC[train]'" in done.stderr


def test_help_names_torchrun():
    done = run_regqc("train", "registration", "--help")
    assert done.code == 0
    assert "torchrun" in done.stdout
