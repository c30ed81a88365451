"""Registration closes the loop: it checks itself and keeps what is better."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from RegQCLib.errors import InputError
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCLib.registration import register as module
from RegQCLib.registration.register import Step, register
from RegQCLib.registration.registration import Judged


def shifted(mm):
    matrix = np.eye(4)
    matrix[0, 3] = mm
    return Affine(matrix)


def judged(error_mm, *, plausible=True, verdict=None):
    verdict = verdict or ("misaligned" if error_mm > 1.5 else "aligned")
    return Judged(
        SimpleNamespace(
            verdict=verdict,
            reason="",
            error_mm=None if verdict == "cannot_tell" else SimpleNamespace(mean=error_mm),
            field={"plausible": plausible, "reasons": ["it folds"]},
        )
    )


def step(name, mm):
    return Step(name, shifted(mm), shifted(-mm))


def chosen(start, *rest):
    """The step that is kept where step n leaves ``rest[n]``."""
    steps = [step("start", 0), *(step(f"step {n}", n + 1) for n in range(len(rest)))]
    answers = {n + 1: one for n, one in enumerate(rest)}

    def judge(transform, *, progress):
        return answers[round(transform.matrix[0, 3])]

    return module._best(steps, start, judge, lambda *_: None)


def test_a_better_result_is_kept():
    kept, after, limits = chosen(judged(5), judged(0.5))
    assert kept.name == "step 0"
    assert after.error_mm == 0.5
    assert limits == ()


def test_a_worse_result_is_dropped_for_the_step_before():
    kept, after, limits = chosen(judged(5), judged(1), judged(8))
    assert kept.name == "step 0"
    assert after.error_mm == 1
    assert any("grew from 5.0 to 8.0 mm" in limit for limit in limits)


def test_a_folding_result_is_dropped_however_alike_the_images():
    kept, _, limits = chosen(judged(5), judged(1), judged(0.1, plausible=False))
    assert kept.name == "step 0"
    assert any("no body could follow" in limit and "it folds" in limit for limit in limits)


def test_the_start_is_kept_when_nothing_is_better():
    start = judged(0.4)
    kept, after, limits = chosen(start, judged(3))
    assert kept.name == "start"
    assert after is start
    assert len(limits) == 1


@pytest.mark.parametrize(("verdict", "words"), [("misaligned", "still"), ("cannot_tell", "cannot")])
def test_a_result_that_is_not_aligned_says_so(verdict, words):
    _, _, limits = chosen(judged(9), judged(2, verdict=verdict))
    assert any(words in limit for limit in limits)


def test_a_pair_that_could_not_be_checked_may_be_registered():
    kept, _, _ = chosen(Judged(None, "no overlap"), judged(0.5))
    assert kept.name == "step 0"


def images():
    noise = np.random.default_rng(0).normal(size=(12, 14, 16)).astype(np.float32)
    return Volume(noise, np.eye(4), "fixed"), Volume(noise, np.eye(4), "moving")


def test_unknown_kinds_are_refused():
    with pytest.raises(InputError, match="rigid, similarity, affine"):
        register(*images(), "elastic")


def test_linear_kinds_do_not_start_from_a_deformation(monkeypatch):
    monkeypatch.setattr(module, "check", lambda *_, **__: judged(1).report)
    bent = DisplacementField(
        np.random.default_rng(1).normal(size=(3, 12, 14, 16)).astype(np.float32), np.eye(4)
    )
    with pytest.raises(InputError, match="starts from a linear transform"):
        register(*images(), "rigid", init=bent)


def test_the_sample_comes_back(sample):
    fixed, moving, moved_by = sample
    found = register(fixed, moving, "rigid", init=None)
    assert found.kept == "rigid"
    assert found.before.verdict == "aligned" or found.before.error_mm > found.after.error_mm
    assert found.after.verdict == "aligned"
    start = register(fixed, moving, "rigid", init=moved_by)
    assert start.before.verdict == "misaligned"
    assert start.after.verdict == "aligned"
    body = fixed.grid.to_world(np.argwhere(fixed.array > fixed.array.mean())[::50, ::-1])
    gap = np.linalg.norm(start.transform.apply(body) - found.transform.apply(body), axis=1)
    assert gap.mean() < 0.5
    round_trip = start.inverse.apply(start.transform.apply(body))
    np.testing.assert_allclose(round_trip, body, atol=1e-6)
