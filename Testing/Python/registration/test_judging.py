"""When a step counts as worse than what was there before."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from registration.stubs import images, judged, shifted

from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCLib.progress import silent
from RegQCLib.registration import judging
from RegQCLib.registration.judging import Judged, judge, likeness, worse


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (judged(5), judged(0.5), ""),
        (judged(0.4), judged(0.6), ""),  # within what the check can tell
        (judged(0.4), judged(0.8), "grew from 0.4 to 0.8 mm"),
        (judged(1.4), judged(1.6), "calls it misaligned"),
        (judged(5), judged(0.1, plausible=False), "no body could follow its transform: it folds"),
        (judged(0.5), judged(None), "cannot tell: a reason"),
        (judged(5), judged(None), ""),
        (judged(5), Judged(None, "nothing in common"), "nothing in common"),
        (Judged(None, "no overlap"), judged(5), ""),
        (Judged(None, likeness=1.2), Judged(None, likeness=1.3), ""),
        (Judged(None, likeness=1.2), Judged(None, likeness=1.1), "share 50% of the information"),
        (judged(None, likeness=1.2), judged(None, likeness=1.1), "share 50%"),
        (judged(None, likeness=1.2), judged(3, likeness=1.19), ""),
        (Judged(None, likeness=None), Judged(None, likeness=1.01), ""),
    ],
)
def test_worse(before, after, words):
    why = worse(before, after)
    assert words in why
    assert bool(why) == bool(words)


def test_likeness_falls_with_distance_and_ends_without_overlap():
    fixed, moving = images()
    near, off = (likeness(fixed, moving, shifted(mm)) for mm in (0.0, 6.0))
    assert near > off > 1
    assert likeness(fixed, moving, shifted(500.0)) is None


@pytest.mark.parametrize(("share", "expected"), [(0.001, None), (0.4, 1.2)])
def test_what_few_voxels_seem_to_share_counts_for_nothing(monkeypatch, share, expected):
    @dataclass
    class Report:
        similarity: dict[str, float]
        overlap: dict[str, float]
        error_map: None = None
        displacement: None = None

    report = Report({"nmi": 1.2}, {"fixed_body_compared": share})
    monkeypatch.setattr(judging, "check", lambda *_, **__: report)
    state = judge(*images(), None, tolerance_mm=None, device="cpu", progress=silent)
    assert state.likeness == expected


def test_slices_are_not_checked_but_compared(monkeypatch):
    monkeypatch.setattr(judging, "check", None)  # would fail when called
    fixed, moving = images((1, 24, 26))
    state = judge(fixed, moving, None, tolerance_mm=None, device="cpu", progress=silent)
    assert state.verdict == "cannot_tell"
    assert "single slices" in state.reason
    assert state.summary()["reason"] == state.reason
    assert state.likeness > 1


def test_a_pair_that_cannot_be_checked_is_a_state_with_the_reason():
    fixed, moving = images()
    far = Volume(moving.array, Affine.rigid(translation_mm=(900, 0, 0)).matrix @ moving.affine, "f")
    state = judge(fixed, far, None, tolerance_mm=None, device="cpu", progress=silent)
    assert state.report is None
    assert "field of view covers 0.0%" in state.reason
    assert state.likeness is None
    assert state.error_mm is None
    assert state.plausible
