"""`regqc register` around the registration: arguments, exit codes, progress, files on disk."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from cli import bad_inputs
from cli.support import SHAPE, picture, refused, run_regqc, write_nifti

from RegQCLib.cli.register_command import AnyKind
from RegQCLib.errors import Cancelled, InputError
from RegQCLib.registration import register as module
from RegQCLib.registration.steps import KINDS


@dataclass
class StandIn:
    """Replaces ``register``: records what it is given, reports progress, returns or raises."""

    verdict: str = "aligned"
    raises: BaseException | None = None
    arguments: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)

    def __call__(self, *arguments: Any, progress: Any, **options: Any) -> Any:
        self.arguments, self.options = arguments, options
        for fraction in (0.2, 0.7, 0.6, 1.0):
            progress("moving", fraction)
        if self.raises is not None:
            raise self.raises
        return self

    @property
    def after(self) -> StandIn:
        return self

    def summary(self) -> str:
        return "a stand-in"

    def to_dict(self) -> dict[str, Any]:
        state = {"verdict": self.verdict, "reason": "a stand-in"}
        facts = {"kind": "rigid", "kept": "start", "limits": ["one"], "metrics": {}}
        return {**facts, "before": state, "after": state}

    def save(self, folder: Any) -> None:
        (folder / "report.json").write_text("{}", encoding="utf-8")


@pytest.fixture
def register(monkeypatch):
    stand_in = StandIn()
    monkeypatch.setattr(module, "register", stand_in)
    return stand_in


def test_inputs_reach_the_registration(tmp_path, pair, register):
    start = sitk.TranslationTransform(3, (1.0, 2.0, 3.0))  # LPS, fixed to moving points
    sitk.WriteTransform(start, str(tmp_path / "t.tfm"))
    drawn = write_nifti(tmp_path / "drawn.nii.gz", (picture(0) > 60).astype(np.uint8))
    points = tmp_path / "points.csv"
    points.write_text("R,A,S\n1,2,3\n4,5,6\n")
    done = run_regqc(
        *("register", *pair, "--out", tmp_path / "out", "--kind", "deformable", "--seed", 3),
        *("--init", tmp_path / "t.tfm", "--measure", "mind", "--model", "velocity"),
        *("--fixed-mask", drawn, "--moving-mask", drawn, "--region", drawn, "--stiffness", drawn),
        *("--landmarks", points, points, "--fixed-labels", drawn, "--moving-labels", drawn),
        *("--inverse-consistent", "--max-memory", 2.5, "--tolerance", 1.5, "--device", "cpu"),
        *("--clip", 1, 99, "--resample", 2, "--crop"),
    )
    assert done.code == 0, done.stderr
    fixed, moving, kind = register.arguments
    np.testing.assert_allclose(fixed.array, picture(0).transpose(2, 1, 0))
    np.testing.assert_allclose(moving.array, picture(1).transpose(2, 1, 0))
    assert kind == "deformable"
    given = register.options
    np.testing.assert_allclose(given["init"].apply(np.zeros(3)), (-1, -2, 3))
    for role in ("fixed_mask", "moving_mask", "region", "stiffness"):
        assert given[role].array.sum() == (picture(0) > 60).sum()
    np.testing.assert_array_equal(given["landmarks"][1], [[1, 2, 3], [4, 5, 6]])
    assert [labels.shape for labels in given["labels"]] == [SHAPE[::-1]] * 2
    prepared = given["preprocessing"]
    assert (prepared.clip, prepared.resample_mm, prepared.crop) == ((1, 99), 2, True)
    plain = {"measure", "model", "inverse_consistent", "max_memory_gb", "tolerance_mm", "seed"}
    assert [given[name] for name in sorted(plain)] == [True, 2.5, "mind", "velocity", 3, 1.5]
    assert given["device"] == "cpu"


def test_a_run_prints_one_line_and_records_its_files(tmp_path, pair, register):
    done = run_regqc("register", *pair, "--out", tmp_path / "new" / "out")
    assert done.code == 0
    assert done.stdout == f"a stand-in; results in {tmp_path / 'new' / 'out'}\n"
    assert done.stderr == ""
    assert register.arguments[2] == "rigid"
    assert register.provenance["files"]["moving"]["path"] == str(pair[1])
    assert (tmp_path / "new" / "out" / "report.json").is_file()


def test_a_network_is_a_kind_with_a_file_of_weights(tmp_path, pair, register):
    kind = ["--kind", "voxelmorph-1", "--weights", tmp_path / "m.npz"]
    assert run_regqc("register", *pair, *kind, "--out", tmp_path / "out").code == 0
    assert register.arguments[2] == "voxelmorph-1"
    assert register.options["weights"] == tmp_path / "m.npz"


def test_every_kind_is_offered():
    assert tuple(one.value for one in AnyKind) == KINDS


def test_two_flat_images_are_two_slices(tmp_path, register):
    flat = bad_inputs.two_d(tmp_path)
    assert run_regqc("register", flat, flat, "--out", tmp_path / "out").code == 0
    assert [image.shape for image in register.arguments[:2]] == [(1, *SHAPE[1::-1])] * 2


@pytest.mark.parametrize(
    ("verdict", "flags", "code"),
    [
        ("misaligned", [], 0),
        ("aligned", ["--fail-on-misaligned"], 0),
        ("misaligned", ["--fail-on-misaligned"], 3),
    ],
)
def test_exit_code_tells_the_verdict_only_on_request(
    tmp_path, pair, register, verdict, flags, code
):
    register.verdict = verdict
    assert run_regqc("register", *pair, "--out", tmp_path / "out", *flags).code == code


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (InputError("the pair:\n no good"), 2, "error: the pair: no good"),
        (MemoryError(), 2, "error: not enough memory"),
        (Cancelled(), 130, "cancelled"),
        (KeyboardInterrupt(), 130, "cancelled"),
        (ZeroDivisionError("a\nb"), 1, "internal error"),
    ],
)
def test_failures_end_in_one_line_and_leave_nothing(tmp_path, pair, register, error, code, words):
    register.raises = error
    before = sorted(tmp_path.rglob("*"))
    done = run_regqc("register", *pair, "--out", tmp_path / "new" / "out")
    assert (done.code, done.stdout) == (code, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(words)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Missing argument"),
        (["a", "b"], "--out"),
        (["a", "b", "--out", "x", "--kind", "elastic"], "elastic"),
        (["a", "b", "--out", "x", "--tolerance", "-1"], "--tolerance"),
        (
            ["a", "b", "--out", "x", "--max-memory", "0"],
            "--max-memory must be a positive number of",
        ),
        (["a", "b", "--out", "x", "--resample", "nan"], "--resample"),
        (["a", "b", "--out", "x", "--measure", "mind"], "--measure of a rigid registration is one"),
        (["a", "b", "--out", "x", "--kind", "deformable", "--measure", "ncc"], "auto, mind"),
        (["a", "b", "--out", "x", "--model", "spline"], "spline"),
        (["a", "b", "--out", "x", "--fixed-labels", "l"], "--moving-labels"),
        (["a", "b", "--out", "x", "--landmarks", "l"], "--landmarks"),
    ],
)
def test_wrong_usage_is_one_line(tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    done = run_regqc("register", *arguments)
    assert (done.code, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "maker",
    [m for m in bad_inputs.IMAGES if m is not bad_inputs.two_d],
    ids=lambda maker: maker.__name__,
)
@pytest.mark.parametrize("role", ["fixed", "moving", "--fixed-mask", "--region"])
def test_images_that_cannot_be_read(tmp_path, pair, register, maker, role, capfd):
    (tmp_path / "bad").mkdir()
    bad = maker(tmp_path / "bad")
    fixed, moving = pair
    images = {"fixed": (bad, moving), "moving": (fixed, bad)}.get(role, pair)
    extra = [role, bad] if role.startswith("--") else []
    done = run_regqc("register", *images, *extra, "--out", tmp_path / "new" / "out")
    refused(done, tmp_path, bad)
    assert capfd.readouterr().err == "", "a library wrote past Python's stderr"


@pytest.mark.parametrize("maker", bad_inputs.TRANSFORMS, ids=lambda maker: maker.__name__)
def test_starts_that_cannot_be_read(tmp_path, pair, register, maker):
    (tmp_path / "bad").mkdir()
    bad = maker(tmp_path / "bad")
    done = run_regqc("register", *pair, "--init", bad, "--out", tmp_path / "new" / "out")
    refused(done, tmp_path, bad)


@pytest.mark.parametrize(
    "maker",
    [m for m in bad_inputs.CONTENTS if m is not bad_inputs.one_slice],
    ids=lambda maker: maker.__name__,
)
@pytest.mark.parametrize("kind", ["rigid", "deformable"])
def test_images_without_content(tmp_path, pair, maker, kind):
    (tmp_path / "bad").mkdir()
    bad = maker(tmp_path / "bad")
    done = run_regqc("register", pair[0], bad, "--kind", kind, "--out", tmp_path / "new" / "out")
    refused(done, tmp_path, bad)


@pytest.mark.parametrize("kind", ["rigid", "deformable"])
def test_a_slice_and_a_volume(tmp_path, pair, kind):
    (tmp_path / "bad").mkdir()
    bad = bad_inputs.one_slice(tmp_path / "bad")
    done = run_regqc("register", pair[0], bad, "--kind", kind, "--out", tmp_path / "new" / "out")
    refused(done, tmp_path, bad)
    assert "two slices or two volumes" in done.stderr


def test_a_mask_that_selects_nothing(tmp_path, pair):
    mask = write_nifti(tmp_path / "mask.nii.gz", np.zeros(SHAPE, np.uint8))
    done = run_regqc("register", *pair, "--fixed-mask", mask, "--out", tmp_path / "new" / "out")
    refused(done, tmp_path, mask)


def test_an_option_of_another_kind(tmp_path, pair):
    done = run_regqc("register", *pair, "--region", pair[0], "--out", tmp_path / "new" / "out")
    refused(done, tmp_path)
    assert "region" in done.stderr


def test_json_progress_is_the_documented_protocol(tmp_path, pair, register):
    done = run_regqc("register", *pair, "--out", tmp_path / "out", "--progress", "json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["event"] for line in lines[:-1]} == {"progress"}
    fractions = [line["fraction"] for line in lines[:-1]]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert len(set(fractions)) > 3
    last = lines[-1]
    assert last["event"] == "result"
    assert (last["kind"], last["kept"], last["limits"]) == ("rigid", "start", ["one"])
    assert last["after"]["verdict"] == "aligned"
    assert last["out"] == str(tmp_path / "out")
    assert done.stderr == ""


# A registration that never ends by itself, once the first check is done.
ENDLESS = """
import time
from RegQCLib.registration import register as module
from RegQCLib.registration.judging import Judged
def linear(order, kind, init, progress):
    while True:
        progress("moving", 0.5)
        time.sleep(0.01)
module.judge = lambda *_, **__: Judged(None, "not judged")
module.linear = linear
from RegQCLib.cli.entry import run
run()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send these signals")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_leaves_nothing(tmp_path, pair, stop):
    before = sorted(tmp_path.rglob("*"))
    command = [sys.executable, "-c", ENDLESS, "register", *map(str, pair)]
    with subprocess.Popen(
        [*command, "--out", str(tmp_path / "new" / "out"), "--progress", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stdout:
            if json.loads(line)["stage"] == "moving":
                break
        process.send_signal(stop)
        rest, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines() == ["cancelled: nothing was written"]
    assert json.loads(rest.splitlines()[-1]) == {"event": "cancelled"}
    assert sorted(tmp_path.rglob("*")) == before
