"""The timer that runs jobs while the windows stay alive."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import slicer

from RegQCLib.errors import InputError
from RegQCScene.job import Event, Job
from RegQCScene.session import Session
from RegQCScene.stepped_job import PAUSE, SteppedJob
from RegQCUI.job_timer import JobTimer


@pytest.fixture
def timer(host):
    result = JobTimer()
    yield result
    result.cleanup()


class Heard:
    """Collects what a timer tells."""

    def __init__(self):
        self.said = []
        self.callbacks = {
            name: (lambda *values, name=name: self.said.append((name, *values)))
            for name in ("onProgress", "onDone", "onFailed", "onCancelled")
        }

    def wait(self, name, seconds=30):
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            slicer.app.processEvents()
            if any(one[0] == name for one in self.said):
                return
            time.sleep(0.005)
        raise AssertionError(f"never heard {name}: {self.said}")


def test_a_child_runs_beside_the_windows(timer, child, tmp_path):
    heard = Heard()
    timer.start(Job(["succeed", "x"], tmp_path / "job", child), **heard.callbacks)
    assert heard.said == []
    assert timer.busy
    heard.wait("onDone")
    assert heard.said[0] == ("onProgress", "working", 0.0)
    assert heard.said[-1] == ("onDone", tmp_path / "job")
    assert not timer.busy


def test_a_failure(timer):
    def fail(_folder):
        yield PAUSE
        raise InputError("too small")

    heard = Heard()
    timer.start(SteppedJob(fail), **heard.callbacks)
    heard.wait("onFailed")
    assert heard.said == [("onFailed", "too small")]


def test_cancelling(timer, child, tmp_path):
    heard = Heard()
    timer.start(Job(["endless", "file"], tmp_path / "job", child), **heard.callbacks)
    with pytest.raises(RuntimeError, match="is running"):
        timer.start(SteppedJob(lambda _folder: iter(())))
    heard.wait("onProgress")
    timer.cancel()
    assert heard.said[-1] == ("onCancelled",)
    count = len(heard.said)
    for _turn in range(30):
        slicer.app.processEvents()
        time.sleep(0.005)
    assert len(heard.said) == count
    assert not (tmp_path / "job").exists()
    timer.cancel()  # once more does no harm


def test_a_receiver_may_start_the_next_job(timer):
    def quick(_folder):
        yield Event("progress", "quick", 0.5)
        return {}

    heard = Heard()
    second = SteppedJob(quick)
    timer.start(SteppedJob(quick), onDone=lambda _f: timer.start(second, **heard.callbacks))
    heard.wait("onDone")
    assert heard.said == [("onProgress", "quick", 0.5), ("onDone", second.folder)]


def test_a_session_checks_without_waiting(timer, parameters, canned):
    session, done = Session(parameters, timer), []
    session.check(done.append)
    assert session.busy == "Checking alignment"
    assert done == []
    limit = time.monotonic() + 30
    while not done and time.monotonic() < limit:
        slicer.app.processEvents()
        time.sleep(0.005)
    assert done[0].verdict == "misaligned"
    assert session.busy == ""
    session.close()


@pytest.mark.parametrize("what", ["close the scene", "remove a volume"])
def test_the_scene_changes_while_a_child_runs(timer, parameters, child, monkeypatch, what):
    from RegQCScene import check_job
    from RegQCScene.stepped_job import childSteps

    monkeypatch.setattr(
        check_job,
        "childSteps",
        lambda _arguments, folder, span: childSteps(["endless", "file"], folder, span, child),
    )
    session, done = Session(parameters, timer), []
    progress = []
    session.progressChanged.connect(lambda stage, _fraction: progress.append(stage))
    session.check(done.append)
    limit = time.monotonic() + 30
    while not any(stage.isdigit() for stage in progress) and time.monotonic() < limit:
        slicer.app.processEvents()
        time.sleep(0.005)
    before = slicer.mrmlScene.GetNumberOfNodes()
    if what == "close the scene":
        slicer.mrmlScene.Clear()
    else:
        slicer.mrmlScene.RemoveNode(parameters.movingVolume)
    assert done == [None]
    assert session.busy == ""
    assert not timer.busy
    assert slicer.mrmlScene.GetNumberOfNodes() < before
    assert list(Path(slicer.app.temporaryPath).glob("regqc-*")) == []
    session.close()
