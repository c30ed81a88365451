"""Training: files it leaves, and a resumed run that cannot be told from one without a break."""

from __future__ import annotations

import csv
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import torch

from RegQCLib.errors import Cancelled, InputError
from RegQCLib.training.train_qc import train

NETWORKS = {
    "matcher": "width = 4\nfeatures = 4\nradius = 2",
    "slice_classifier": "width = 4",
}


def write_config(folder: Path, model: str, extra: str = "") -> Path:
    file = folder / f"{model}.toml"
    file.write_text(
        f'model = "{model}"\nname = "tiny"\nseed = 3\nsize = 32\nsteps = 5\nbatch = 2\n'
        f"learning_rate = 1e-2\nbank_maps = 2\nbank_size = 32\ncheckpoint_every = 2\n{extra}"
        f"[network]\n{NETWORKS[model]}\n"
    )
    return file


@pytest.fixture(autouse=True)
def _cache(monkeypatch, tmp_path_factory):
    """All runs share their label maps."""
    monkeypatch.setenv("REGQC_CACHE", str(tmp_path_factory.getbasetemp() / "label_maps"))


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(run / "weights.pt", weights_only=True)["model"]


def log_of(run: Path) -> list[dict[str, str]]:
    with (run / "log.csv").open(newline="") as stream:
        return [{k: v for k, v in r.items() if k != "seconds"} for r in csv.DictReader(stream)]


def stop_after(steps: int):
    def progress(stage: str, fraction: float) -> None:
        if stage == "training" and round(fraction * 5) == steps:
            raise Cancelled

    return progress


@pytest.mark.parametrize("model", NETWORKS)
def test_a_resumed_run_equals_one_without_a_break(tmp_path, model):
    config = write_config(tmp_path, model)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert train(config, whole, device="cpu") == whole / "weights.pt"
    with pytest.raises(Cancelled):
        train(config, broken, device="cpu", progress=stop_after(3))  # one step past a checkpoint
    assert not (broken / "weights.pt").exists()
    torch.rand(7)  # whatever else drew random numbers meanwhile
    stages = []
    train(config, broken, resume=True, device="cpu", progress=lambda *s: stages.append(s))
    assert stages[0] == ("training", 0.6), "resumed from the start"
    first, second = weights_of(whole), weights_of(broken)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
    assert log_of(whole) == log_of(broken)
    assert [row["step"] for row in log_of(whole)] == ["2", "4", "5"]
    names = {"checkpoint.pt", "curves.png", "log.csv", "weights.pt"}
    assert {p.name for p in whole.iterdir()} == names
    assert matplotlib.image.imread(whole / "curves.png")[..., :3].std() > 0.05


def test_training_changes_the_weights_and_learns_from_the_seed(tmp_path):
    runs = {}
    for seed, learning_rate in ((3, "1e-2"), (3, "1e-12"), (4, "1e-12")):
        text = write_config(tmp_path, "matcher").read_text()
        text = text.replace("1e-2", learning_rate).replace("seed = 3", f"seed = {seed}")
        (tmp_path / "c.toml").write_text(text)
        run = tmp_path / f"{seed}_{learning_rate}"
        train(tmp_path / "c.toml", run, device="cpu")
        runs[seed, learning_rate] = weights_of(run)["encoder.head.weight"].numpy()
    moved = np.abs(runs[3, "1e-2"] - runs[3, "1e-12"]).max()
    assert moved > 1e-3
    assert np.abs(runs[4, "1e-12"] - runs[3, "1e-12"]).max() > 1e-3


def refusal(*arguments: object, **options: object) -> str:
    with pytest.raises(InputError) as refused:
        train(*arguments, device="cpu", **options)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_foreign_and_missing_checkpoints_are_refused(tmp_path):
    config = write_config(tmp_path, "matcher")
    run = tmp_path / "run"
    assert "no checkpoint to resume from" in refusal(config, run, resume=True)
    assert not run.exists()
    with pytest.raises(Cancelled):
        train(config, run, device="cpu", progress=stop_after(2))
    assert "pass --resume" in refusal(config, run)
    other = write_config(tmp_path, "matcher", "weight_decay = 0.5\n")
    assert "belongs to another configuration" in refusal(other, run, resume=True)
    for content in (b"", b"no checkpoint", (run / "checkpoint.pt").read_bytes()[:500]):
        (run / "checkpoint.pt").write_bytes(content)
        assert "damaged" in refusal(config, run, resume=True)
    torch.save({"model": {}}, run / "checkpoint.pt")
    assert "damaged" in refusal(config, run, resume=True)


def test_unknown_models_and_network_settings_are_refused(tmp_path):
    text = write_config(tmp_path, "matcher").read_text()
    (tmp_path / "a.toml").write_text(text.replace('"matcher"', '"oracle"'))
    (tmp_path / "b.toml").write_text(text + "depth = 9\n")
    assert "unknown model 'oracle'" in refusal(tmp_path / "a.toml", tmp_path / "run")
    assert "depth" in refusal(tmp_path / "b.toml", tmp_path / "run")
    assert not (tmp_path / "run").exists()
