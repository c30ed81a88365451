"""Training of tiny networks: it learns, resumes exactly, stops in words, and leaves its files."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import nibabel
import numpy as np
import pytest
import torch

from RegQCLib.errors import Cancelled, InputError
from RegQCLib.registration.networks.model_file import load_model
from RegQCLib.training.registration import train as training
from RegQCLib.training.registration.train import train

SUBJECTS = 5
CONFIG = """
name = "tiny"
[network]
name = "voxelmorph-1"
encoder = [4, 8]
decoder = [8, 8, 4]
[data]
source = "folder"
path = "{folder}"
images = "{{subject}}_t1.nii.gz"
labels = "{{subject}}_seg.nii.gz"
validation_pairs = 2
[preprocessing]
crop = false
[augmentation]
affine = 0.05
flips = [2]
gamma = 0.1
noise = 0.02
[loss]
dice = 1.0
labels_per_step = 1
[training]
seed = 3
steps = 5
batch = 2
learning_rate = 1e-2
validate_every = 4
checkpoint_every = 2
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Boxes of two tissues, each at another place."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for n in range(SUBJECTS):
        i, j, k = rng.integers(0, 4, 3)
        labels = np.zeros((16, 12, 16))
        labels[2 + i : 10 + i, 2 + j : 7 + j, 2 + k : 10 + k] = 1
        labels[3 + i : 6 + i, 3 + j : 5 + j, 3 + k : 7 + k] = 2
        image = 100 * labels + rng.normal(0, 5, labels.shape)
        for name, values in (("t1", image), ("seg", labels)):
            file = folder / f"{n}_{name}.nii.gz"
            nibabel.save(nibabel.Nifti1Image(values.astype(np.float32), np.eye(4)), file)
    return folder


def write_config(place: Path, folder: Path, *changes: tuple[str, str]) -> Path:
    text = CONFIG.format(folder=folder.as_posix())
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    place.mkdir(exist_ok=True)
    (place / "c.toml").write_text(text)
    return place / "c.toml"


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return [{k: v for k, v in r.items() if k != "seconds"} for r in csv.DictReader(stream)]


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(run / "checkpoint.pt", weights_only=True)["model"]


def assert_same_weights(one: Path, other: Path) -> None:
    first, second = weights_of(one), weights_of(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


def stop_after(steps: int, of: int = 5):
    def progress(stage: str, fraction: float) -> None:
        if stage == "training" and round(fraction * of) == steps:
            raise Cancelled

    return progress


def refusal(*arguments: object, **options: object) -> str:
    with pytest.raises(InputError) as refused:
        train(*arguments, device="cpu", **options)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.fixture(scope="module")
def whole(folder, tmp_path_factory) -> Path:
    """A run without a break."""
    place = tmp_path_factory.mktemp("whole")
    config = write_config(place, folder)
    assert train(config, place / "run", device="cpu") == place / "run" / "model.npz"
    return place / "run"


def test_a_resumed_run_equals_one_without_a_break(tmp_path, folder, whole):
    config = write_config(tmp_path, folder)
    run = tmp_path / "run"
    with pytest.raises(Cancelled):
        train(config, run, device="cpu", progress=stop_after(3))  # one step past a checkpoint
    assert not (run / "model.npz").exists()
    torch.rand(7)  # whatever else drew random numbers meanwhile
    stages = []
    train(config, run, resume=True, device="cpu", progress=lambda *s: stages.append(s))
    assert next(s for s in stages if s[0] == "training") == ("training", 0.6)
    assert_same_weights(run, whole)
    for name in ("log.csv", "validation.csv"):
        assert rows_of(run / name) == rows_of(whole / name)
    assert "pass --resume" in refusal(config, run)
    other = write_config(tmp_path / "other", folder, ("seed = 3", "seed = 4"))
    assert "belongs to another configuration" in refusal(other, run, resume=True)
    (run / "checkpoint.pt").write_bytes(b"no checkpoint")
    assert "damaged" in refusal(config, run, resume=True)


# A process of its own: workers of a test run may hold their tests in a thread without signals.
STOPPED = """
import signal, sys, torch
from RegQCLib.training.registration.train import train
def progress(stage, fraction):
    if stage == "training" and round(5 * fraction) == int(sys.argv[4]):
        signal.raise_signal(getattr(signal, sys.argv[5]))
torch.set_num_threads(int(sys.argv[3]))  # sums of as many parts, to the last bit
before = signal.getsignal(signal.SIGTERM)
try:
    train(sys.argv[1], sys.argv[2], device="cpu", progress=progress)
except KeyboardInterrupt:
    assert signal.getsignal(signal.SIGTERM) is before
    print("stopped")
"""


def stopped(config: Path, run: Path, step: int, name: str) -> subprocess.CompletedProcess[str]:
    """Train until a step has been made and the signal ``name`` comes."""
    options = (config, run, torch.get_num_threads(), step, name)
    command = [sys.executable, "-c", STOPPED, *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send these signals")
def test_a_killed_run_goes_on_from_its_last_checkpoint(tmp_path, folder, whole):
    config, run = write_config(tmp_path, folder), tmp_path / "run"
    assert stopped(config, run, 3, "SIGKILL").returncode == -9
    assert torch.load(run / "checkpoint.pt", weights_only=True)["step"] == 2
    train(config, run, device="cpu", resume=True)
    assert_same_weights(run, whole)
    assert rows_of(run / "log.csv") == rows_of(whole / "log.csv")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send these signals")
def test_a_stop_signal_saves_the_running_step(tmp_path, folder, whole):
    config, run = write_config(tmp_path, folder), tmp_path / "run"
    ended = stopped(config, run, 2, "SIGTERM")
    assert ended.stdout.splitlines() == ["stopped"], ended.stderr
    assert torch.load(run / "checkpoint.pt", weights_only=True)["step"] == 3
    train(config, run, device="cpu", resume=True)
    assert_same_weights(run, whole)


def test_a_run_leaves_its_files(whole):
    names = {p.name for p in whole.iterdir()}
    assert {"checkpoint.pt", "log.csv", "curves.png", "model.npz", "model.md"} <= names
    assert {"validation.csv", "validation.png", "pictures"} <= names
    assert [row["step"] for row in rows_of(whole / "log.csv")] == ["2", "4", "5"]
    validation = rows_of(whole / "validation.csv")
    assert [row["step"] for row in validation] == ["4", "5"]
    assert {"dice", "dice_before", "centroid_mm", "folded_percent", "loss"} < set(validation[0])
    pictures = sorted((whole / "pictures").iterdir())
    assert [p.name for p in pictures] == ["step_000004.png", "step_000005.png"]
    assert matplotlib.image.imread(pictures[0])[..., :3].std() > 0.1
    model = load_model(whole / "model.npz")
    assert model.name == "voxelmorph-1"
    assert model.preprocessing.spacing_mm == 1.0
    best = max(validation, key=lambda row: float(row["dice"]))
    assert model.about["step"] == int(best["step"])
    assert model.about["validation"]["dice"] == pytest.approx(float(best["dice"]))
    card = (whole / "model.md").read_text()
    for words in ("# tiny", "Seed 3", "Dice of the labels", "5 images", "## Limits"):
        assert words in card


def test_events_can_be_read_by_tensorboard(whole):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(whole / "tensorboard"))
    events.Reload()
    dice = [event.value for event in events.Scalars("validation/dice")]
    written = [float(row["dice"]) for row in rows_of(whole / "validation.csv")]
    assert dice == pytest.approx(written)
    assert len(events.Scalars("training/loss")) == 5


def test_it_learns_the_pairs_of_a_table(tmp_path, folder):
    """Validated on what it was trained on: little, and quickly learned by heart."""
    lines = ["fixed,moving,fixed_labels,moving_labels,split"]
    for split in ("train", "val"):
        for one, other in ((0, 1), (2, 3)):
            names = (f"{n}_{kind}.nii.gz" for kind in ("t1", "seg") for n in (one, other))
            lines.append(",".join([*(str(folder / name) for name in names), split]))
    (tmp_path / "pairs.csv").write_text("\n".join(lines))
    config = write_config(
        tmp_path,
        folder,
        ('"folder"', '"csv"'),
        (f'path = "{folder.as_posix()}"', f'path = "{(tmp_path / "pairs.csv").as_posix()}"'),
        ("steps = 5", "steps = 60"),
        ("validate_every = 4", "validate_every = 30"),
        ("checkpoint_every = 2", "checkpoint_every = 60"),
        ("affine = 0.05", "affine = 0.0"),
        ("flips = [2]", ""),
    )
    train(config, tmp_path / "run", device="cpu")
    rows = rows_of(tmp_path / "run" / "validation.csv")
    assert float(rows[-1]["dice"]) > float(rows[-1]["dice_before"]) + 0.1
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])


def test_patience_ends_a_run_and_resuming_does_not_prolong_it(tmp_path, folder):
    config = write_config(
        tmp_path,
        folder,
        ("steps = 5", "steps = 9\npatience = 2"),
        ("validate_every = 4", "validate_every = 1"),
        ("learning_rate = 1e-2", "learning_rate = 1e-30"),
    )
    train(config, tmp_path / "run", device="cpu")
    steps = [row["step"] for row in rows_of(tmp_path / "run" / "validation.csv")]
    assert steps == ["1", "2", "3"]
    train(config, tmp_path / "run", device="cpu", resume=True)
    assert len(rows_of(tmp_path / "run" / "validation.csv")) == 3
    assert load_model(tmp_path / "run" / "model.npz").about["step"] == 1


def test_a_loss_that_is_no_number_ends_the_run_in_words(tmp_path, folder, monkeypatch):
    config = write_config(tmp_path, folder)
    real = training.registration_loss
    calls = []

    def broken(*arguments):
        calls.append(1)
        total, parts = real(*arguments)
        return (total * float("nan"), parts) if len(calls) == 4 else (total, parts)

    monkeypatch.setattr(training, "registration_loss", broken)
    message = refusal(config, tmp_path / "run")
    assert message.startswith("step 4: the loss is not a finite number; lower [training] learn")
    assert "now 0.01" in message
    assert "the checkpoint of step 2 is kept" in message
    assert all(value.isfinite().all() for value in weights_of(tmp_path / "run").values())


def test_a_lack_of_memory_says_what_to_change(tmp_path, folder, monkeypatch):
    config = write_config(tmp_path, folder)

    def greedy(*arguments):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    monkeypatch.setattr(training, "registration_loss", greedy)
    message = refusal(config, tmp_path / "run")
    assert message.startswith("step 1: out of memory with 2 pairs of 16 x 12 x 16 voxels; lower")
    for words in ("batch (now 2)", "spacing_mm", "bf16"):
        assert words in message

    def wrong(*arguments):
        raise RuntimeError("a bug")

    monkeypatch.setattr(training, "registration_loss", wrong)
    with pytest.raises(RuntimeError, match="a bug"):
        train(config, tmp_path / "run", device="cpu")


def test_shapes_need_no_data_and_know_the_truth(tmp_path, monkeypatch):
    pytest.importorskip("RegQCLib.synthesis.registration_pairs")
    monkeypatch.setenv("REGQC_CACHE", str(tmp_path))
    (tmp_path / "c.toml").write_text(
        'name = "shapes"\n[network]\nname = "voxelmorph-diff"\nencoder = [4, 4]\n'
        'decoder = [4, 4, 4]\n[data]\nsource = "shapes"\nsize = 32\nbank_maps = 2\n'
        "bank_size = 32\nvalidation_pairs = 2\ncurriculum = 0.5\n[data.shapes]\nshift = 1.0\n"
        '[preprocessing]\nspacing_mm = 2.0\n[loss]\nsimilarity = "none"\ndice = 1\n'
        'labels_per_step = 4\ndisplacement = 0.1\n[training]\nsteps = 2\nprecision = "bf16"\n'
        'schedule = "one_cycle"\nclip_norm = 1\n'
    )
    model = train(tmp_path / "c.toml", tmp_path / "run", device="cpu")
    row = rows_of(tmp_path / "run" / "validation.csv")[0]
    assert float(row["tre_mm"]) > 0
    assert 0 < float(row["dice_before"]) < 1
    assert "synthetic shapes alone" in load_model(model).about["data"]
    text = (tmp_path / "c.toml").read_text().replace("shift = 1.0", "shft = 1.0")
    (tmp_path / "d.toml").write_text(text)
    assert "[data.shapes]: unknown settings shft" in refusal(tmp_path / "d.toml", tmp_path / "d")


def test_networks_and_preprocessing_are_checked_before_anything_is_written(tmp_path, folder):
    config = write_config(tmp_path, folder, ("encoder", "encodr"))
    assert "unknown settings encodr" in refusal(config, tmp_path / "run")
    config = write_config(tmp_path, folder, ("crop = false", "crp = false"))
    assert "[preprocessing]: unknown settings crp" in refusal(config, tmp_path / "run")
    config = write_config(tmp_path, folder, ("batch = 2", "batch = 3"))
    os.environ["WORLD_SIZE"] = "2"
    try:
        assert "cannot be shared among 2 processes" in refusal(config, tmp_path / "run")
    finally:
        del os.environ["WORLD_SIZE"]
    assert not (tmp_path / "run").exists()


def test_two_processes_learn_what_one_learns(tmp_path, folder):
    changes = (("steps = 5", "steps = 2"), ("affine = 0.05", "affine = 0.0"))
    config = write_config(tmp_path, folder, *changes)
    train(config, tmp_path / "one", device="cpu")
    code = (
        "import sys\nfrom RegQCLib.training.registration.train import train\n"
        "train(sys.argv[1], sys.argv[2], device='cpu')\n"
    )
    (tmp_path / "go.py").write_text(code)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, tmp_path / "go.py", config, tmp_path / "two"],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])},
    )
    assert done.returncode == 0, done.stderr
    first, second = weights_of(tmp_path / "one"), weights_of(tmp_path / "two")
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], rtol=1e-3, atol=1e-5)
    assert rows_of(tmp_path / "two" / "log.csv")[-1]["step"] == "2"
