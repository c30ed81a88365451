"""Error models: what follows from one distribution agrees with itself, and files survive."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import norm

from RegQCLib.errors import InputError
from RegQCLib.qc.calibration import ErrorModel, load_calibration
from RegQCLib.qc.features import FLOOR_MM

MODEL = ErrorModel(
    names=("a", "b"),
    low=np.array([-2.0, -1.0]),
    high=np.array([2.0, 3.0]),
    center=np.array([0.5, 1.0]),
    scale=np.array([1.0, 2.0]),
    mean=np.array([0.4, 0.8, -0.3, 0.1, 0.05]),
    spread=np.array([-1.0, 0.2, 0.1]),
    slope=1.6,
    offset=0.1,
)
FEATURES = np.random.default_rng(0).uniform((-2, -1), (2, 3), (50, 2))


def test_prediction_is_the_stated_polynomial():
    mean, sd = MODEL.predict([1.5, 3.0])  # z = (1, 1)
    assert mean[0] == pytest.approx(0.4 + 0.8 - 0.3 + 0.1 + 0.05)
    assert sd[0] == pytest.approx(np.exp(-1.0 + 0.2 + 0.1))


def test_probability_falls_as_the_tolerance_grows():
    curve = np.array([MODEL.probability_above(FEATURES, t) for t in (0.1, 0.5, 1, 2, 4, 8, 50)])
    assert (np.diff(curve, axis=0) < 0).all()
    assert curve.min() >= 0
    assert curve.max() <= 1


def test_estimate_interval_and_probability_belong_together():
    error = MODEL.error_mm(FEATURES)
    low, high = MODEL.interval_mm(FEATURES)
    assert ((low <= error) & (error <= high)).all()
    mean, sd = MODEL.predict(FEATURES)
    inside = norm.cdf((np.log(high + FLOOR_MM) - mean) / sd)
    np.testing.assert_allclose(inside, 0.95, atol=1e-9)
    positive = low > 0
    below = norm.cdf((np.log(low[positive] + FLOOR_MM) - mean[positive]) / sd[positive])
    np.testing.assert_allclose(below, 0.05, atol=1e-9)
    even = [MODEL.probability_above(f, e)[0] for f, e in zip(FEATURES, error, strict=True) if e > 0]
    np.testing.assert_allclose(even, 1 / (1 + np.exp(-0.1)), atol=1e-9)


def test_nothing_is_extrapolated():
    np.testing.assert_array_equal(MODEL.predict([99, 99]), MODEL.predict([2, 3]))
    np.testing.assert_array_equal(MODEL.error_mm([-99, 0]), MODEL.error_mm([-2, 0]))


def test_a_model_survives_a_file():
    stored = json.loads(json.dumps(MODEL.to_dict()))
    again = ErrorModel.from_dict(stored)
    assert again.names == MODEL.names
    assert again.to_dict() == MODEL.to_dict()
    for got, expected in zip(again.predict(FEATURES), MODEL.predict(FEATURES), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5)


def whole() -> dict:
    one = MODEL.to_dict()
    values = {"tolerance_mm": 1.5, "min_log_evidence": -2.0, "slice_flag": 0.5}
    return {"volume": one, "slices": one, **values}


def test_a_calibration_is_read(tmp_path):
    file = tmp_path / "calibration.json"
    file.write_text(json.dumps(whole()))
    read = load_calibration(file)
    assert (read.tolerance_mm, read.min_log_evidence, read.slice_flag) == (1.5, -2.0, 0.5)
    np.testing.assert_array_equal(read.slices.mean, MODEL.mean)


@pytest.mark.parametrize("damage", ["missing", "cut", "no json", "no slices", "words", "a list"])
def test_a_damaged_calibration_is_refused_in_one_line(tmp_path, damage):
    text = json.dumps(whole())
    lacking = {k: v for k, v in whole().items() if k != "slices"}
    content = {
        "cut": text[:-40],
        "no json": "calibrated!",
        "no slices": json.dumps(lacking),
        "words": json.dumps({**whole(), "slice_flag": "often"}),
        "a list": "[1, 2]",
    }
    file = tmp_path / "calibration.json"
    if damage in content:
        file.write_text(content[damage])
    with pytest.raises(InputError, match="missing or damaged calibration") as refused:
        load_calibration(file)
    assert "\n" not in str(refused.value)
