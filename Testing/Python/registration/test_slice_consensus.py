from __future__ import annotations

import numpy as np
import pytest

from RegQCLib.registration.slice_consensus import Measurement, consensus

COUNT = 24
EVERY = np.ones(COUNT, dtype=bool)


def chain(motion, drift, *, noise=0.2, wrong=(), seed=0):
    """What slices measure of their next two neighbors."""
    random = np.random.default_rng(seed)
    place = motion + drift
    result = []
    for step in (1, 2):
        for number in range(COUNT - step):
            offset = place[number] - place[number + step] + random.normal(0, noise, 3)
            if (number, step) in wrong:
                offset = random.uniform(-15, 15, 3)
            result.append(Measurement(number, number + step, offset, 1.0 * (step - 1)))
    return result


@pytest.fixture
def moved():
    motion = np.zeros((COUNT, 3))
    for number in (3, 8, 9, 14, 18, 21):
        motion[number] = np.random.default_rng(number).choice([-1, 1], 3) * (4, 3.5, 3)
    return motion


def test_moved_slices_stand_out_from_anatomy_that_runs_obliquely(moved):
    drift = np.outer(np.linspace(-1, 1, COUNT) ** 2, (4.0, -3.0, 1.0))
    motion, _ = consensus(chain(moved, drift), COUNT, EVERY)
    assert np.abs(motion - moved).max() < 1.0


def test_wrong_measurements_do_not_count(moved):
    wrong = {(5, 1), (11, 1), (2, 2), (12, 2), (16, 2)}
    motion, _ = consensus(chain(moved, 0 * moved, wrong=wrong), COUNT, EVERY)
    assert np.abs(motion - moved).max() < 1.2


def test_every_third_slice_moved_together():
    moved = np.zeros((COUNT, 3))
    moved[1::3] = (4.0, -3.0, 3.0)
    motion, _ = consensus(chain(moved, 0 * moved), COUNT, EVERY)
    assert np.abs(motion - moved).max() < 0.8


def test_a_reference_that_lies_elsewhere_is_baseline(moved):
    offset = np.array([3.0, -2.0, 1.0])
    measured = [Measurement(n, None, moved[n] + offset) for n in range(COUNT)]
    motion, baseline = consensus(measured, COUNT, EVERY)
    assert np.abs(motion - moved).max() < 0.3
    assert np.abs(baseline - offset).max() < 0.3


def test_slices_that_may_not_move_do_not(moved):
    may = EVERY.copy()
    may[8] = False
    motion, _ = consensus(chain(moved, 0 * moved), COUNT, may)
    assert not motion[8].any()
