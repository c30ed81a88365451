"""Work in steps: short polls, one line for failures, nothing left after a cancellation."""

from __future__ import annotations

import time

import pytest
import slicer

from RegQCLib.errors import InputError
from RegQCScene.job import Event
from RegQCScene.stepped_job import PAUSE, SteppedJob, childSteps


def steps(*parts, facts=None, cleaned=None):
    """Work that yields ``parts``; exceptions among them are raised."""

    def work(folder):
        (folder / "draft").touch()
        try:
            for part in parts:
                if isinstance(part, Exception):
                    raise part
                yield part
        finally:
            if cleaned is not None:
                cleaned.append(True)
        return facts or {}

    return work


def finished(job):
    said = []
    while job.running:
        said += job.poll()
        time.sleep(0.005)
    return said


def test_events_and_facts(scene):
    job = SteppedJob(steps(Event("progress", "a", 0.5), None, PAUSE, facts={"n": 3}))
    assert str(job.folder).startswith(slicer.app.temporaryPath)
    said = finished(job)
    assert [event.kind for event in said] == ["progress", "result"]
    assert said[-1].facts == {"n": 3}
    assert (job.folder / "draft").exists(), "the result's files are the receiver's"
    job.removeFolder()
    assert not job.folder.exists()


def test_a_pause_ends_a_poll_and_so_does_time(scene):
    job = SteppedJob(steps(PAUSE, None))
    assert job.poll() == []
    assert job.running

    def slow(_folder):
        for number in range(100):
            time.sleep(0.005)
            yield Event("progress", "slow", number / 100)
        return {}

    job = SteppedJob(slow)
    count = len(job.poll())
    assert 1 <= count < 20
    job.cancel()


def test_a_failure_is_told_and_cleaned_up(scene):
    cleaned = []
    job = SteppedJob(steps(InputError("CT:\n too  small"), cleaned=cleaned))
    (event,) = finished(job)
    assert (event.kind, event.message) == ("error", "CT: too small")
    assert cleaned
    assert not job.folder.exists()


def test_a_defect_is_raised_and_cleaned_up(scene):
    job = SteppedJob(steps(KeyError("x")))
    with pytest.raises(KeyError):
        job.poll()
    assert not job.running
    assert not job.folder.exists()


@pytest.mark.parametrize("polls", [0, 1])
def test_cancelling_cleans_up(scene, polls):
    cleaned = []
    job = SteppedJob(steps(PAUSE, PAUSE, cleaned=cleaned))
    for _ in range(polls):
        job.poll()
    job.cancel()
    assert not job.running
    assert bool(cleaned) == (polls > 0)
    assert not job.folder.exists()
    job.cancel()  # once more does no harm


def test_a_child_as_a_step(scene, child):
    def work(folder):
        facts = yield from childSteps(["succeed", "x"], folder / "child", (0.5, 1.0), child)
        return {"value": facts["value"]}

    said = finished(SteppedJob(work))
    assert [event.fraction for event in said[:3]] == [0.5, 0.625, 0.75]
    assert said[-1].facts == {"value": [1, 2]}


def test_a_failing_child(scene, child):
    job = SteppedJob(lambda folder: childSteps(["refuse", "a.nii"], folder / "child", module=child))
    assert finished(job)[-1] == Event("error", message="a.nii: is empty; export it again")


def test_cancelling_ends_the_child(scene, child):
    job = SteppedJob(lambda folder: childSteps(["endless", "f"], folder / "child", module=child))
    while not (said := job.poll()):
        time.sleep(0.01)
    job.cancel()
    assert said[0].kind == "progress"
    assert not job.folder.exists()
