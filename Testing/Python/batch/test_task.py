"""One pair: its folder appears whole, is done once, and redone where something changed."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace

import pytest
from batch.support import QUICK, landmark_pairs
from report.support import make_report

from RegQCLib.batch import steps, task
from RegQCLib.batch.case_folder import CaseFolder
from RegQCLib.batch.manifest import Case
from RegQCLib.batch.options import Options
from RegQCLib.batch.pairs import read_pairs
from RegQCLib.batch.result_file import Result, kept_result, load_result
from RegQCLib.batch.task import Task, reason_of, run_pair
from RegQCLib.errors import InputError
from RegQCLib.report.decisions import CaseDecision, Decisions, save_decisions


@pytest.fixture
def pair(tmp_path):
    (found,) = read_pairs(landmark_pairs(tmp_path, 1)).pairs
    return found


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def task_of(pair, out, options=QUICK):
    inputs = {role: str(path) for role, path in pair.inputs.items()}
    return Task(pair.id, inputs, options.to_dict(), str(out))


@pytest.fixture
def runs(monkeypatch):
    """Names of the steps that were really done."""
    done = []
    for name in ("_evaluate", "_check"):
        real = getattr(steps, name)

        def counted(work, notes, name=name, real=real):
            done.append(name)
            return real(work, notes)

        monkeypatch.setattr(steps, name, counted)
    return done


def test_a_pair_leaves_a_whole_folder_and_nothing_else(pair, out):
    result = run_pair(task_of(pair, out))
    assert (result.status, result.reason) == ("done", "")
    assert result.steps["evaluate"]["columns"]["tre_mean_mm"] == pytest.approx(1.0)
    assert load_result(out, "p0") == result
    folder = out / "cases" / "p0"
    assert {p.name for p in folder.iterdir()} == {"evaluation", "log.txt", "result.json"}
    log = (folder / "log.txt").read_text(encoding="utf-8")
    assert "evaluate: started" in log
    assert f"fixed landmarks: {pair.inputs['fixed_landmarks']}" in log
    assert not list((out / ".partial").iterdir())


def test_nothing_is_done_twice(pair, out, runs):
    first = run_pair(task_of(pair, out))
    assert kept_result(out, "p0", pair.inputs, QUICK) == first
    assert run_pair(task_of(pair, out)) == first
    assert runs == ["_evaluate"]


def test_dates_do_not_count_and_bytes_do(pair, out, runs):
    first = run_pair(task_of(pair, out))
    file = pair.inputs["moving_landmarks"]
    os.utime(file, (1, 1))
    assert kept_result(out, "p0", pair.inputs, QUICK) is None, "it must be looked at"
    again = run_pair(task_of(pair, out))
    assert (again.steps, again.seconds) == (first.steps, first.seconds)
    assert kept_result(out, "p0", pair.inputs, QUICK) == again, "the new date is remembered"
    file.write_text(file.read_text().replace("1.0,", "3.0,", 1))
    run_pair(task_of(pair, out))
    assert runs == ["_evaluate", "_evaluate"]


def test_another_file_of_equal_size_and_date_is_noticed(pair, out):
    run_pair(task_of(pair, out))
    other = pair.inputs["moving_landmarks"].with_name("other.csv")
    shutil.copy2(pair.inputs["moving_landmarks"], other)
    inputs = {**pair.inputs, "moving_landmarks": other}
    assert kept_result(out, "p0", inputs, QUICK) is None


def test_a_new_step_takes_the_others_over(tmp_path, pair, out, runs, monkeypatch):
    for name in ("fixed", "moving"):
        (tmp_path / f"{name}.nii").write_text(name)
    images = {name: tmp_path / f"{name}.nii" for name in ("fixed", "moving")}
    pair = replace(pair, inputs={**pair.inputs, **images})

    def check(work, notes):
        runs.append("_check")
        (work.folder / "check").mkdir()
        (work.folder / "check" / "report.json").write_text(make_report().to_json())
        (work.folder / "thumbnail.png").write_bytes(b"picture")
        return {"verdict": "aligned"}

    monkeypatch.setattr(steps, "_check", check)
    first = run_pair(task_of(pair, out, Options()))
    both = run_pair(task_of(pair, out, Options(evaluate=True)))
    assert runs == ["_check", "_evaluate"]
    assert both.steps["check"] == first.steps["check"]
    assert (out / "cases/p0/thumbnail.png").read_bytes() == b"picture"
    assert "taken over" in (out / "cases/p0/log.txt").read_text()
    run_pair(task_of(pair, out, Options(evaluate=True, tolerance_mm=3.0)))
    assert runs == ["_check", "_evaluate", "_check"]


@pytest.mark.parametrize(("error", "words", "repeat"), [
    (InputError("x.nii: is no image;\n  check it"), "x.nii: is no image; check it", False),
    (MemoryError(), "not enough memory for this pair", True),
    (OSError(28, "No space left on device", "f"), "f: No space left on device", True),
    (KeyError("oops"), "internal error: KeyError: 'oops' (test_task.py, line", True),
])  # fmt: skip
def test_failures_are_one_line_and_stop_nothing(pair, out, monkeypatch, error, words, repeat):
    def fails(_work, _notes):
        raise error

    monkeypatch.setattr(steps, "_evaluate", fails)
    result = run_pair(task_of(pair, out))
    assert (result.status, result.repeat) == ("failed", repeat)
    assert result.reason.startswith(words)
    assert "\n" not in result.reason
    assert words in (out / "cases/p0/log.txt").read_text()
    kept = kept_result(out, "p0", pair.inputs, QUICK)
    assert (kept is None) == repeat


def test_missing_files_are_named_and_found_later(pair, out):
    file = pair.inputs["fixed_landmarks"]
    content = file.read_bytes()
    file.unlink()
    result = run_pair(task_of(pair, out))
    assert result.status == "failed"
    assert f"fixed landmarks {file} does not exist" in result.reason
    file.write_bytes(content)
    assert run_pair(task_of(pair, out)).status == "done"


def test_what_people_decided_is_put_aside_and_not_lost(pair, out):
    run_pair(task_of(pair, out))
    folder = CaseFolder(out / "cases", Case("p0", out, out))
    decided = Decisions(case=CaseDecision("rejected", "Shift", reviewer="A"))
    save_decisions(decided, folder.path / "decisions.json")
    pair.inputs["fixed_landmarks"].write_text("x,y,z\n1,2,3\n1,2,3\n1,2,3\n1,2,3\n")
    run_pair(task_of(pair, out))
    assert folder.decisions() == Decisions()
    aside = CaseFolder(out / "cases", Case("p0.old1", out, out))
    assert aside.decisions() == decided


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema_version": "1.0", "who": "me"}', "{}"])
def test_damaged_results_are_done_again(pair, out, text):
    run_pair(task_of(pair, out))
    (out / "cases/p0/result.json").write_text(text)
    assert load_result(out, "p0") is None
    assert run_pair(task_of(pair, out)).status == "done"
    assert load_result(out, "p0") is not None


@pytest.mark.parametrize("lose", [
    shutil.rmtree,
    lambda folder: [file.unlink() for file in folder.iterdir()],
    lambda folder: os.truncate(next(folder.iterdir()), 0),  # as a power failure may leave it
])  # fmt: skip
def test_what_was_lost_since_is_done_again(pair, out, runs, lose):
    first = run_pair(task_of(pair, out))
    folder = out / "cases/p0/evaluation"
    names = {file.name for file in folder.iterdir()}
    lose(folder)
    assert kept_result(out, "p0", pair.inputs, QUICK) is None
    again = run_pair(task_of(pair, out))
    assert runs == ["_evaluate", "_evaluate"]
    assert again.steps["evaluate"]["columns"] == first.steps["evaluate"]["columns"]
    assert {file.name for file in folder.iterdir() if file.stat().st_size} == names
    assert kept_result(out, "p0", pair.inputs, QUICK) == again


def test_a_result_that_another_process_left_first_stays(pair, out, monkeypatch):
    real = steps._evaluate

    def overtaken(work, notes):
        columns = real(work, notes)
        (out / "cases/p0").mkdir(parents=True)
        (out / "cases/p0/result.json").write_text(json.dumps(Result("p0").to_dict()))
        return columns

    monkeypatch.setattr(steps, "_evaluate", overtaken)
    monkeypatch.setattr(task, "load_result", lambda *_: None)
    assert run_pair(task_of(pair, out)).status == "done"
    assert load_result(out, "p0") is not None
    assert not list((out / ".partial").iterdir())


def test_memory_is_given_back_now_and_then(pair, out, monkeypatch):
    released = []
    monkeypatch.setattr("RegQCLib.geometry.memory.release_unused", lambda: released.append(1))
    monkeypatch.setattr(task, "_release", task._Release())
    for _time in range(3):
        run_pair(task_of(pair, out))
    assert len(released) == 1, "looking for garbage takes longer than a small pair may"
    monkeypatch.setattr(task, "RELEASE_EVERY_S", 0.0)
    run_pair(task_of(pair, out))
    assert len(released) == 2


def test_reasons_of_unknown_errors_say_where():
    assert "see log.txt" in reason_of(ValueError("two\nlines"))
    assert "\n" not in reason_of(ValueError("two\nlines"))
