"""Calibration: one look falls short of the truth, a series of looks does not."""

from __future__ import annotations

import numpy as np
import pytest

from RegQCLib.qc.features import ERROR_FEATURES, FLOOR_MM, SLICE_FEATURES, VOLUME_FEATURES
from RegQCLib.training.calibrate import Observation, _fit, _report

ONE_LOOK = 0.6  # share of the truth that a single look sees
LEFT_MM = 0.5  # of the error, once the images were brought nearer


def features(names: tuple[str, ...], seen_mm: float, *, nearer: bool) -> np.ndarray:
    values = np.zeros(len(names))
    values[names.index("log_error")] = np.log(seen_mm + FLOOR_MM)
    if nearer:
        left = np.log(LEFT_MM + FLOOR_MM)
        values[names.index("log_approach")] = values[names.index("log_error")] - left
    return values


def observed(number: int) -> Observation:
    """A pair whose evidence is the truth, or falls short of it when looked at once."""
    rng = np.random.default_rng(number)
    nearer = number % 3 == 0
    truth = float(rng.uniform(4, 14) if nearer else rng.uniform(0, 5))
    seen = truth * (1 if nearer else ONE_LOOK) * np.exp(0.05 * rng.normal(size=9))
    volume = features(VOLUME_FEATURES, seen[0], nearer=nearer)
    slices = np.stack([features(SLICE_FEATURES, mm, nearer=nearer) for mm in seen[1:]])
    return Observation(volume, truth, slices, np.full(8, truth))


@pytest.fixture(scope="module")
def observations() -> list[Observation]:
    return [observed(number) for number in range(240)]


@pytest.mark.parametrize(
    ("truth", "seen", "nearer"),
    [(2.0, 2.0 * ONE_LOOK, False), (4.0, 4.0 * ONE_LOOK, False), (8.0, 8.0, True)],
)
def test_sizes_are_right_after_one_look_and_after_several(observations, truth, seen, nearer):
    volume, slices = _fit(observations)
    found = volume.error_mm(features(ERROR_FEATURES, seen, nearer=nearer))
    assert found[0] == pytest.approx(truth, rel=0.15)
    found = slices.error_mm(features(SLICE_FEATURES, seen, nearer=nearer))
    assert found[0] == pytest.approx(truth, rel=0.15)


def test_the_report_is_about_pairs_left_out(observations):
    report = _report(*_fit(observations[60:]), observations[:60])
    assert report["pairs"] == 60
    assert report["mean_absolute_error_mm_up_to_8"] < 0.5
    assert report["interval_coverage"] > 0.7
    assert report["accuracy"] > 0.9
    assert report["slice_accuracy"] > 0.9
