"""`regqc` itself, `models`, `doctor` and `train`: what they print and how they end."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import types
from pathlib import Path

import pytest
from cli.support import run_regqc

import RegQCLib
from RegQCLib.cli import doctor_command, shipped_models


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A weights folder with one intact model."""
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "net.bin").write_bytes(b"weights")
    (folder / "net.md").write_text("# net\n")
    (folder / "SHA256SUMS").write_text(f"{hashlib.sha256(b'weights').hexdigest()}  net.bin\n")
    for function in (shipped_models.shipped_models, shipped_models.missing_models):
        monkeypatch.setattr(function, "__defaults__", (folder,))
    return folder


def test_version():
    assert run_regqc("--version").stdout == f"regqc {RegQCLib.__version__}\n"


@pytest.mark.parametrize(
    "command", [[], ["check"], ["models"], ["doctor"], ["synth"], ["train", "qc"]]
)
def test_every_command_has_help(command):
    done = run_regqc(*command, "--help")
    assert done.code == 0
    assert "Usage" in done.stdout


def test_no_arguments_show_the_help():
    done = run_regqc()
    assert "Usage" in done.stdout + done.stderr
    assert "error" not in done.stderr


def test_an_unknown_command_is_one_line():
    done = run_regqc("chekc")
    assert done.code == 2
    assert len(done.stderr.splitlines()) == 1
    assert "chekc" in done.stderr


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom RegQCLib.cli.main import app\n"
        "try:\n    app(['check', '--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'scipy', 'torch', 'matplotlib', 'SimpleITK', 'openvino'}\n"
        "print(*sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--tolerance" in done.stdout
    assert done.stderr.split() == []


def test_models_are_listed_with_digest_and_card(weights):
    (weights / "other.onnx").write_bytes(b"x" * 2_500_000)
    listed = json.loads(run_regqc("models", "--json").stdout)
    assert listed == [
        {
            "file": "net.bin",
            "size_bytes": 7,
            "sha256": hashlib.sha256(b"weights").hexdigest(),
            "card": "net.md",
            "intact": True,
        },
        {
            "file": "other.onnx",
            "size_bytes": 2_500_000,
            "sha256": hashlib.sha256(b"x" * 2_500_000).hexdigest(),
            "card": None,
            "intact": None,
        },
    ]
    text = run_regqc("models").stdout
    assert "net.bin  0.00 MB  intact  net.md" in text
    assert "other.onnx  2.50 MB  no recorded digest  no model card" in text


def test_a_healthy_machine_is_ready(weights):
    done = run_regqc("doctor")
    assert done.code == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "ready to check images"
    facts = json.loads(run_regqc("doctor", "--json").stdout)
    assert facts["problems"] == []
    assert "CPU" in facts["openvino_devices"]
    assert facts["packages"]["numpy"]


def test_doctor_names_a_damaged_model(weights):
    (weights / "net.bin").write_bytes(b"Weights")
    done = run_regqc("doctor")
    assert done.code == 2
    assert "problem: model net.bin is damaged" in done.stdout
    assert "DAMAGED" in run_regqc("models").stdout


def test_doctor_names_a_missing_model(weights):
    (weights / "net.bin").unlink()
    done = run_regqc("doctor")
    assert done.code == 2
    assert "problem: model net.bin is missing" in done.stdout


def test_doctor_names_a_missing_package(weights, monkeypatch):
    monkeypatch.setattr(doctor_command, "REQUIRED", ("numpy", "no_such_package"))
    monkeypatch.setattr(doctor_command, "_openvino_devices", list)
    monkeypatch.setitem(doctor_command.OPTIONAL, "openvino", "for this test")
    done = run_regqc("doctor")
    assert done.code == 2
    assert "problem: no_such_package is missing or broken; run: pip install" in done.stdout


CONFIG = 'model = "matcher"\nname = "m"\nsteps = 2\nbatch = 2\nlearning_rate = 1e-3\n'


@pytest.fixture
def training(monkeypatch):
    """Put a stand-in in the place of the training module."""
    module = types.ModuleType("RegQCLib.training.train_qc")
    module.calls = []

    def train(*arguments, progress, **options):
        module.calls.append((*arguments, options))
        progress("step 1", 0.5)
        return arguments[1] / "weights.pt"

    module.train = train
    monkeypatch.setitem(sys.modules, "RegQCLib.training.train_qc", module)
    return module


def test_train_hands_its_options_on(tmp_path, training):
    config = tmp_path / "c.toml"
    config.write_text(CONFIG)
    done = run_regqc(
        *("train", "qc", "--config", config, "--out", tmp_path / "run", "--resume"),
        *("--device", "cpu"),
    )
    assert done.code == 0, done.stderr
    assert training.calls == [(config, tmp_path / "run", {"resume": True, "device": "cpu"})]
    assert done.stdout == f"trained; weights in {tmp_path / 'run' / 'weights.pt'}\n"


def test_a_stopped_training_says_how_to_go_on(tmp_path, training):
    def train(*arguments, **options):
        raise KeyboardInterrupt

    training.train = train
    config = tmp_path / "c.toml"
    config.write_text(CONFIG)
    (tmp_path / "run").mkdir()
    (tmp_path / "run/checkpoint.pt").touch()
    done = run_regqc("train", "qc", "--config", config, "--out", tmp_path / "run")
    assert done.code == 130
    assert done.stderr.startswith("cancelled: the last checkpoint is in")
    assert "--resume" in done.stderr


def test_train_without_its_config_or_torch_says_what_to_do(tmp_path, monkeypatch):
    done = run_regqc("train", "qc", "--config", tmp_path / "none.toml")
    assert done.code == 2
    assert "none.toml: no such training configuration" in done.stderr
    (tmp_path / "c.toml").write_text(CONFIG)
    monkeypatch.delitem(sys.modules, "RegQCLib.training.train_qc", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [n for n in sys.modules if n.startswith("RegQCLib.training")]:
        monkeypatch.delitem(sys.modules, name)
    done = run_regqc("train", "qc", "--config", tmp_path / "c.toml")
    assert done.code == 2
    assert done.stderr == "error: training needs torch; run: pip install 'RegQC[train]'\n"


def test_a_shipped_training_configuration_goes_by_its_name(tmp_path, training):
    done = run_regqc("train", "qc", "--config", "matcher", "--out", tmp_path / "run")
    assert done.code == 0, done.stderr
    assert training.calls[0][0] == Path("matcher")


def test_several_missing_packages_are_named_together(tmp_path, monkeypatch):
    for name in ("monai", "matplotlib"):
        monkeypatch.setitem(sys.modules, name, None)
    done = run_regqc("train", "qc", "--config", "matcher", "--out", tmp_path / "run")
    assert done.code == 2
    assert done.stdout == ""
    assert done.stderr == (
        "error: training needs monai and matplotlib; run: pip install 'RegQC[train]'\n"
    )
    assert not (tmp_path / "run").exists()
