"""A check of large volumes keeps the windows alive: no step of it takes long."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scene.scene_builders import addField, addLinear, addVolume, affineOf, under

from RegQCLib.geometry.transforms import Affine
from RegQCScene.runner import Callbacks
from RegQCScene.session import Session

SHAPE = (100, 200, 200)
LIMIT_S = 0.1
"""Of processor time, so that a busy machine does not count; people notice 0.2 s."""


class Stopwatch:
    """A runner that measures each step."""

    busy = False

    def __init__(self):
        self.polls, self.endS, self.childIn = [], 0.0, set()

    def start(self, job, **callbacks):
        told = Callbacks(**callbacks)
        while job.running:
            started = time.thread_time()
            events = job.poll()
            self.polls.append(time.thread_time() - started)
            started = time.thread_time()
            for event in events:
                told.tell(event, job.folder)
            self.endS = time.thread_time() - started

    def cancel(self):
        """Nothing runs between the tests' calls."""


@pytest.mark.parametrize("above", ["linear", "inverted field"])
def test_no_step_of_a_check_takes_long(parameters, canned, above):
    array = np.random.default_rng(0).integers(0, 500, SHAPE, dtype=np.int16)
    affine = affineOf(spacing=(0.9, 0.9, 1.2))
    parameters.fixedVolume = addVolume(array, affine, "fixed CT")
    parameters.movingVolume = addVolume(array, affine, "moving CT")
    parent = addLinear(Affine.rigid((1, 2, 3)).matrix)
    if above != "linear":
        parent = addField(fromParent=False, cubic=True, parent=parent)
    under(parameters.movingVolume, parent)
    runner = Stopwatch()
    session = Session(parameters, runner)
    # what the child does is none of the windows' business
    canned.whileItRuns = lambda: runner.childIn.update(len(runner.polls) + n for n in (0, 1))
    session.check()
    steps = [one for number, one in enumerate(runner.polls) if number not in runner.childIn]
    assert session.result.verdict == "misaligned"
    assert len(steps) > 1
    assert max(steps) < LIMIT_S
    assert runner.endS < LIMIT_S
    session.close()
