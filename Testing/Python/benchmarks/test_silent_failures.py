"""The silent failures' bookkeeping: what counts as flagged, and as returned."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from RegQCLib.geometry.transforms import Affine
from Testing.Benchmarks import silent_failures
from Testing.Benchmarks.registration import peers
from Testing.Benchmarks.registration.cases import SAME, phantom_case
from Testing.Benchmarks.silent_failures import FAILURES, line, made_again, summary

TINY = ((16, 18, 20), 10.0)


@pytest.fixture(scope="module")
def case():
    return phantom_case(SAME, 0, TINY)


def test_names_are_unique():
    assert len({failure.name for failure in FAILURES}) == len(FAILURES)


def test_counts():
    good = {"name": "n", "tre_mean": 0.4, "dice": 0.9, "folds": 0.0}
    bad = good | {"tre_mean": 9.0}
    folded = good | {"folds": 0.01}
    rows = [
        {"what": "failure", **bad, "verdict": "misaligned"},
        {"what": "failure", **folded, "verdict": "refused"},
        {"what": "failure", **bad, "verdict": "aligned"},
        {"what": "failure", **folded, "verdict": "cannot_tell"},
        {"what": "failure", **good, "verdict": "aligned"},
        {"what": "failure", **good, "verdict": "misaligned"},
        {"what": "failure", "name": "n", "error": "crashed"},
        {"what": "control", **good, "verdict": "aligned"},
        {"what": "control", **good, "verdict": "misaligned"},
        {"what": "register", **good, "verdict": "aligned"},
        {"what": "register", **bad, "verdict": "aligned"},
        {"what": "register", **bad, "verdict": "misaligned"},
    ]
    assert summary(rows) == {
        "made": 6,
        "not_made": 1,
        "wrong": 4,
        "wrong_flagged": 2,
        "right_flagged": 1,
        "controls": 2,
        "controls_flagged": 1,
        "register": 3,
        "returned": 1,
    }
    assert all("n: " in line(row) for row in rows)


def test_a_peer_that_is_missing_or_fails_is_an_error_in_the_row(case, monkeypatch):
    monkeypatch.setattr(peers, "unavailable", lambda *_: "not installed")
    assert made_again(FAILURES[0], case, "python", 1)["error"] == "not installed"
    monkeypatch.setattr(peers, "unavailable", lambda *_: "")
    failed = SimpleNamespace(transform=None, error="exit code 1")
    monkeypatch.setattr(peers, "register", lambda *_, **__: failed)
    assert made_again(FAILURES[0], case, "python", 1)["error"] == "exit code 1"


def test_a_result_is_measured_against_the_truth(case, monkeypatch):
    monkeypatch.setattr(peers, "unavailable", lambda *_: "")
    monkeypatch.setattr(
        silent_failures,
        "check",
        lambda *_: SimpleNamespace(
            verdict="misaligned", reason="r", probability_misaligned=0.9, error_mm=None
        ),
    )
    done = SimpleNamespace(transform=Affine.identity(), process=SimpleNamespace(code=0), error="")
    monkeypatch.setattr(peers, "register", lambda *_, **__: done)
    row = made_again(FAILURES[0], case, "python", 1)
    assert row["verdict"] == "misaligned"
    assert row["tre_mean"] == pytest.approx(row["start"]["tre_mean"])
    assert row["exit_code"] == 0
