"""The whole benchmark with a made-up method: planning, running, caching, summing up."""

import json

import numpy as np
import pytest

from RegQCLib.geometry.transforms import Affine, Composite
from Testing.Benchmarks.registration import execution, peers, plan
from Testing.Benchmarks.registration.cases import phantom_case
from Testing.Benchmarks.registration.processes import Measured
from Testing.Benchmarks.registration.run import main
from Testing.Benchmarks.registration.summary import summarize

TINY = ((24, 28, 24), 7.0)
OFF_MM = {"good": 0.5, "fair": 1.0, "poor": 9.0}


@pytest.fixture
def calls(monkeypatch):
    """Methods that know the truth and miss it by so many mm; returns who ran on what."""
    made = []

    def register(method, case, order, folder, **_):
        made.append((case.name, method.name))
        process = Measured(0, 2.0, 3.0, 0.25, False, "")
        if method.name == "broken":
            return peers.Found(process, error="exit code 1: boom")
        miss = Affine.rigid(translation_mm=(OFF_MM[method.name], 0, 0))
        found = Composite([case.truth, miss])
        return peers.Found(process, found, found.inverse(), OFF_MM[method.name] / 2)

    methods = {
        name: peers.Method(name, "json", "run_ants.py") for name in (*OFF_MM, "broken", "absent")
    }
    methods["absent"] = peers.Method("absent", "no_such_module", "run_ants.py")
    monkeypatch.setattr(peers, "register", register)
    monkeypatch.setattr(peers, "REGQC", "nobody")
    peers.METHODS.update(methods)
    monkeypatch.setattr(plan, "SMALL", TINY)
    execution._digest.cache_clear()
    yield made
    for name in methods:
        del peers.METHODS[name]


def run(tmp_path, *more):
    out = tmp_path / "out.json"
    arguments = ["--out", str(out), "--cache", str(tmp_path / "cache"), "--small", *more]
    assert main(arguments) == 0
    return json.loads(out.read_text(encoding="utf-8"))


def test_methods_take_turns_and_a_stopped_run_goes_on(calls, tmp_path, capsys):
    options = ("--tasks", "rigid", "--seeds", "2", "--methods", "good,fair")
    first = run(tmp_path, *options)
    expected = [("rigid-0", "good"), ("rigid-0", "fair"), ("rigid-1", "fair"), ("rigid-1", "good")]
    assert calls == expected
    again = run(tmp_path, *options, "--methods", "good,fair,poor")
    assert calls[4:] == [("rigid-0", "poor"), ("rigid-1", "poor")]
    assert again["tasks"]["rigid"]["good"]["tre_mean"] == pytest.approx(0.5)
    assert again["tasks"]["rigid"]["fair"]["tre_mean"] == pytest.approx(1.0)
    assert first["rows"] == [r for r in again["rows"] if r["method"] != "poor"]
    out = capsys.readouterr().out
    assert "### Rigid, two contrasts" in out
    assert "| good | 0.500 | 0.500 |" in out
    known = again["tasks"]["rigid"]
    assert known["start"]["dice"] < known["poor"]["dice"] < known["truth"]["dice"] - 0.1
    assert known["start"]["tre_mean"] > 9


def test_a_failure_is_a_row_and_what_is_missing_is_named(calls, tmp_path, capsys):
    options = ("--tasks", "affine", "--seeds", "1", "--methods", "good,broken,absent")
    result = run(tmp_path, *options)
    assert result["not_run"].keys() == {"absent"}
    figures = result["tasks"]["affine"]["broken"]
    assert (figures["failed"], figures["tre_mean"], figures["success"]) == (1, None, 0)
    said = capsys.readouterr()
    assert "broken (1 of 1 failed)" in said.out
    assert "absent is skipped: the module no_such_module" in said.err


def test_capture_counts_success_apart_for_cropped_heads(calls, tmp_path):
    options = ("--tasks", "capture", "--starts", "3", "--methods", "good,poor")
    figures = run(tmp_path, *options)["tasks"]["capture"]
    for name in ("success", "success_whole", "success_cropped"):
        assert figures["good"][name] == 1
        assert figures["poor"][name] == 0
    assert figures["good"]["cases"] == 3


def row(method, tre, wall, case="c", **more):
    return {
        "task": "same",
        "case": case,
        "method": method,
        "start": {"tre_mean": 3.0},
        "truth": {"dice": 0.9},
        "facts": {},
        "error": "",
        "tre_mean": tre,
        "wall_s": wall,
        **more,
    }


def test_ratios_are_to_the_most_accurate_peer():
    rows = [row("regqc", 0.5, 2.0), row("ants", 1.0, 3.0), row("greedy", 0.8, 8.0)]
    figures = summarize(rows)["same"]
    assert {figures[n]["best_peer"] for n in ("regqc", "ants", "greedy")} == {"greedy"}
    assert figures["regqc"]["accuracy_ratio"] == pytest.approx(0.625)
    assert figures["regqc"]["wall_ratio"] == pytest.approx(0.25)
    assert figures["ants"]["accuracy_ratio"] == pytest.approx(1.25)
    assert list(figures) == ["start", "truth", "regqc", "ants", "greedy"]


def test_without_a_truth_dice_ranks_the_peers():
    rows = [
        row(name, None, 1.0, dice=dice, start={"dice": 0.5})
        for name, dice in (("regqc", 0.8), ("ants", 0.7), ("greedy", 0.75))
    ]
    figures = summarize(rows)["same"]
    assert figures["regqc"]["best_peer"] == "greedy"
    assert figures["regqc"]["accuracy_ratio"] == pytest.approx(0.8)
    assert figures["start"]["dice"] == 0.5


def test_means_medians_and_largest_over_cases():
    rows = [
        row("ants", tre, wall, case=str(n), peak_gb=gb)
        for n, (tre, wall, gb) in enumerate([(1.0, 1.0, 0.3), (2.0, 2.0, 0.5), (6.0, 9.0, 0.4)])
    ]
    figures = summarize(rows)["same"]["ants"]
    assert figures["tre_mean"] == pytest.approx(3.0)
    assert (figures["worst_tre"], figures["wall_s"], figures["peak_gb"]) == (6.0, 2.0, 0.5)
    assert figures["success"] == pytest.approx(1 / 3)


def test_every_case_has_a_name_of_its_own():
    tasks = [t for t in plan.TASKS if t not in ("inter", "natural")]
    both = [
        item.key
        for small in (False, True)
        for item in plan.plan(tasks, seeds=range(3), starts=4, small=small)
        if not (small and item.task == "capture")
    ]
    assert len(both) == len(set(both)) == 2 * 5 * 3 + 4 + 2 * 4


def test_wrong_names_and_a_missing_archive_are_one_line(capsys, monkeypatch):
    with pytest.raises(SystemExit):
        main(["--tasks", "rigid,bend"])
    assert "'bend' is none of" in capsys.readouterr().err
    monkeypatch.delenv("REGQC_DATA", raising=False)
    assert main(["--tasks", "natural", "--methods", "convexadam"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("set REGQC_DATA")


def test_seeds_can_be_others(calls, tmp_path):
    options = ("--tasks", "rigid", "--seeds", "1", "--first-seed", "7", "--methods", "good")
    assert run(tmp_path, *options)["protocol"]["seeds"] == [7]
    assert calls == [("rigid-7", "good")]
    assert np.array_equal(
        phantom_case("rigid", 7, TINY).truth.matrix, phantom_case("rigid", 7, TINY).truth.matrix
    )
