"""The plan of the benchmark is one, and its targets are what they say."""

from __future__ import annotations

from RegQCLib.compression.plan import load_plan
from Testing.Benchmarks.compression.qc_classifier import FORMS, plan, verdict


def test_the_plan_can_be_read_and_has_every_form(tmp_path):
    (tmp_path / "plan.toml").write_text(plan(pairs=10, repeats=2, steps=3, calibration=1))
    read = load_plan(tmp_path / "plan.toml")
    assert {step.form for step in read.steps} == {"torch", *FORMS}
    assert {step.bits for step in read.steps} == {4, 8, 16, 32}
    assert read.choose.bytes_share == 0.25


def test_targets_are_relative_to_float32_torch():
    first = {"name": "original", "metric": 0.9, "bytes": 380, "latency_ms": 40, "parameters": 100}
    good = {**first, "name": "good", "metric": 0.896, "bytes": 99, "latency_ms": 19}
    slow = {**good, "name": "slow", "latency_ms": 21}
    big = {**good, "name": "big", "bytes": 101}
    worse = {**good, "name": "worse", "metric": 0.894}
    rows = verdict([first, good, slow, big, worse])
    assert [row["meets_targets"] for row in rows] == [False, True, False, False, False]
    assert rows[2]["times_faster"] == 40 / 21
