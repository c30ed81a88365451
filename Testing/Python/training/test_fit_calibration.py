"""Fitting: data drawn from a known model are recovered, and probabilities mean what they say."""

from __future__ import annotations

import numpy as np
import pytest

from RegQCLib.qc.features import FLOOR_MM
from RegQCLib.training.fit_calibration import fit_error_model

NAMES = ("edge", "evidence")


def law(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and SD of log(error + 0.3 mm) as the simulated world has them."""
    edge, evidence = features.T
    mean = 0.6 + 0.25 * (edge - 3) - 0.15 * evidence + 0.08 * (edge - 3) ** 2
    return mean, np.exp(-1.3 + 0.25 * evidence)


def simulate(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.normal((3.0, 0.0), (1.0, 1.0), (count, 2))
    mean, sd = law(features)
    return features, np.maximum(np.exp(mean + sd * rng.normal(size=count)) - FLOOR_MM, 0)


@pytest.fixture(scope="module")
def model():
    return fit_error_model(NAMES, *simulate(6000, 0))


@pytest.fixture(scope="module")
def unseen():
    """New data inside the range of the old: outside it, nothing is extrapolated by design."""
    features, error = simulate(8000, 1)
    common = (np.abs(features - (3, 0)) < 2).all(axis=1)
    return features[common], error[common]


def test_mean_and_spread_are_recovered(model, unseen):
    mean, sd = law(unseen[0])
    fitted_mean, fitted_sd = model.predict(unseen[0])
    assert np.abs(fitted_mean - mean).max() < 0.08
    np.testing.assert_allclose(fitted_sd, sd, rtol=0.15)
    assert model.names == NAMES


@pytest.mark.parametrize("tolerance", [1.0, 1.5, 3.0])
def test_probabilities_are_frequencies(model, unseen, tolerance):
    features, error = unseen
    probability = model.probability_above(features, tolerance)
    assert np.ptp(probability) > 0.6
    for low in np.arange(0, 1, 0.2):
        chosen = (probability >= low) & (probability < low + 0.2)
        if chosen.sum() > 400:
            frequency = (error[chosen] > tolerance).mean()
            assert frequency == pytest.approx(probability[chosen].mean(), abs=0.06)


def test_intervals_cover_as_often_as_they_say(model, unseen):
    features, error = unseen
    low, high = model.interval_mm(features)
    assert ((error >= low) & (error <= high)).mean() == pytest.approx(0.9, abs=0.02)
    half = (model.error_mm(features) > error).mean()
    assert half == pytest.approx(0.5, abs=0.02)


def test_a_feature_that_says_nothing_gets_no_weight():
    features, error = simulate(4000, 2)
    noise = np.random.default_rng(9).normal(size=(4000, 1))
    constant = np.full((4000, 1), 7.0)
    model = fit_error_model(
        (*NAMES, "noise", "same"), np.hstack([features, noise, constant]), error
    )
    assert np.abs(model.mean[[3, 4, 7, 8]]).max() < 0.02
    assert np.isfinite(model.predict(np.zeros((1, 4)))[0]).all()
