"""Child processes: their progress, their end, and that nothing is left of them."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

import RegQCLib
from RegQCLib.errors import InputError
from RegQCScene.job import Event, Job
from RegQCScene.python_for_jobs import environmentForJobs, pythonForJobs
from RegQCScene.runner import BlockingRunner

PATIENCE_S = 60


def events(job: Job) -> list[Event]:
    """Everything that a job says."""
    said = []
    limit = time.monotonic() + PATIENCE_S
    while job.running and time.monotonic() < limit:
        said += job.poll()
        time.sleep(0.01)
    assert not job.running
    return said


def running(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pid: int) -> bool:
    limit = time.monotonic() + 5
    while running(pid) and time.monotonic() < limit:
        time.sleep(0.01)
    return not running(pid)


def test_progress_comes_in_order_and_the_result_last(scene, child, tmp_path):
    job = Job(["succeed", "there"], tmp_path / "job", child)
    said = events(job)
    assert [event.kind for event in said] == ["progress"] * 5 + ["result"]
    assert [event.fraction for event in said[:5]] == [0, 0.25, 0.5, 0.75, 1]
    assert said[-1].facts["value"] == [1, 2]
    assert said[-1].message == "all is well"
    assert job.exitCode == 0
    assert job.poll() == []


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("refuse", ["scan.nii: is empty; export it again"]),
        ("crash", ["exit code 1", "ZeroDivisionError"]),
        ("vanish", ["exit code 7"]),
    ],
)
def test_a_failure_is_one_line(scene, child, tmp_path, what, words):
    last = events(Job([what, "scan.nii"], tmp_path / "job", child))[-1]
    assert last.kind == "error"
    assert "\n" not in last.message
    assert all(word in last.message for word in words), last.message


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_cancelling_ends_the_whole_tree_at_once(scene, child, tmp_path):
    folder = tmp_path / "job"
    job = Job(["endless", "half-written"], folder, child)
    grandchild = 0
    while not grandchild:
        grandchild = next((int(event.stage) for event in job.poll()), 0)
        time.sleep(0.01)
    assert running(grandchild)
    assert (folder / "half-written").exists()
    job.cancel()
    assert not job.running
    assert gone(job.processId)
    assert gone(grandchild)
    assert not folder.exists()
    assert job.poll() == []


def test_the_child_finds_our_library_and_leaves_no_temporary_files(scene, tmp_path):
    environment = environmentForJobs(tmp_path)
    home = str(Path(RegQCLib.__file__).resolve().parent.parent)
    assert environment["PYTHONPATH"].split(os.pathsep)[0] == home
    assert environment["TMPDIR"] == environment["TEMP"] == str(tmp_path)


@pytest.mark.usefixtures("scene")
class TestPython:
    def test_the_running_one_by_default(self):
        assert pythonForJobs() == sys.executable

    def test_the_one_beside_slicer(self, monkeypatch, tmp_path):
        import slicer

        (tmp_path / "bin").mkdir()
        launcher = tmp_path / "bin" / "PythonSlicer"
        launcher.touch()
        monkeypatch.setattr(type(slicer.app), "slicerHome", str(tmp_path), raising=False)
        assert pythonForJobs() == str(launcher)

    def test_a_chosen_one(self, monkeypatch):
        monkeypatch.setenv("REGQC_PYTHON", "/somewhere/python")
        assert pythonForJobs() == "/somewhere/python"

    def test_a_chosen_one_does_not_get_slicers_libraries(self, monkeypatch, tmp_path):
        import slicer

        monkeypatch.setenv("REGQC_PYTHON", "/somewhere/python")
        monkeypatch.setenv("LD_LIBRARY_PATH", "/slicer/lib")
        monkeypatch.setattr(
            slicer.util, "startupEnvironment", lambda: {"PATH": "/bin"}, raising=False
        )
        environment = environmentForJobs(tmp_path)
        assert environment["PATH"] == "/bin"
        assert "LD_LIBRARY_PATH" not in environment
        assert environment["PYTHONPATH"]

    def test_one_that_cannot_be_started(self, monkeypatch, tmp_path):
        monkeypatch.setenv("REGQC_PYTHON", str(tmp_path / "missing"))
        with pytest.raises(InputError, match="cannot be started"):
            Job(["succeed"], tmp_path / "job")
        assert not (tmp_path / "job").exists()


@pytest.mark.usefixtures("scene")
class TestBlockingRunner:
    def test_it_tells_who_asked(self, child, tmp_path):
        told = []
        BlockingRunner().start(
            Job(["succeed", "there"], tmp_path / "job", child),
            onProgress=lambda stage, fraction: told.append((stage, fraction)),
            onDone=told.append,
        )
        assert told[0] == ("working", 0.0)
        assert told[-1] == tmp_path / "job"

    def test_a_receiver_may_cancel(self, child, tmp_path):
        runner, told = BlockingRunner(), []
        runner.start(
            Job(["endless", "file"], tmp_path / "job", child),
            onProgress=lambda *_: runner.cancel(),
            onDone=told.append,
            onCancelled=lambda: told.append("cancelled"),
        )
        assert told == ["cancelled"]
        assert not runner.busy
        assert not (tmp_path / "job").exists()

    def test_one_job_at_a_time(self, child, tmp_path):
        runner, errors = BlockingRunner(), []

        def another(*_):
            with pytest.raises(RuntimeError, match="is running") as refused:
                runner.start(Job(["succeed", "x"], tmp_path / "other", child))
            errors.append(refused)
            runner.cancel()

        runner.start(Job(["endless", "file"], tmp_path / "job", child), onProgress=another)
        assert len(errors) == 1

    def test_an_interrupt_ends_the_job(self, child, tmp_path):
        def interrupt(*_):
            raise KeyboardInterrupt

        job = Job(["endless", "file"], tmp_path / "job", child)
        with pytest.raises(KeyboardInterrupt):
            BlockingRunner().start(job, onProgress=interrupt)
        assert not job.running
        assert not job.folder.exists()
