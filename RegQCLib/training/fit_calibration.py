"""Fitting the error models of `qc.calibration` to synthetic pairs of known displacement."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from RegQCLib.qc.calibration import INTERVAL, MIN_SPREAD, ErrorModel
from RegQCLib.qc.features import FLOOR_MM

FloatArray = NDArray[np.float64]

RIDGE = 5.0  # firm: what the classifier says twice (logit and size) must not oppose itself
ROUNDS = 3
TOLERANCES_MM = (0.75, 1.0, 1.5, 2.0, 3.0)


def fit_error_model(
    names: tuple[str, ...],
    features: FloatArray,
    error_mm: FloatArray,
    *,
    tolerances_mm: tuple[float, ...] = TOLERANCES_MM,
) -> ErrorModel:
    """Fit mean and spread of log(error + 0.3 mm), then the probabilities.

    features: (N, F); error_mm: (N,) true mean displacement. Ridge regression of the mean, then of
    the logarithm of its absolute residuals, in turns; the spread is then scaled so that intervals
    cover 90 % of the data; logistic regression of the probabilities, pooled over tolerances.
    """
    low, high = np.percentile(features, (0.5, 99.5), axis=0)
    clipped = np.clip(features, low, high)
    center, scale = clipped.mean(axis=0), np.maximum(clipped.std(axis=0), 1e-6)
    z = (clipped - center) / scale
    one = np.ones((len(z), 1))
    for_mean = np.concatenate([one, z, z**2], axis=1)
    for_spread = np.concatenate([one, z], axis=1)
    target = np.log(error_mm + FLOOR_MM)
    weight = np.ones(len(z))
    for _ in range(ROUNDS):
        mean = _ridge(for_mean, target, weight)
        residual = np.maximum(np.abs(target - for_mean @ mean), 0.02)
        # E log|N(0, 1)| = -0.635, so this turns log residuals into the log of an SD
        spread = _ridge(for_spread, np.log(residual) + 0.635, np.ones(len(z)))
        sd = np.maximum(np.exp(for_spread @ spread), MIN_SPREAD)
        weight = 1 / sd**2 / np.mean(1 / sd**2)
    # the floor on residuals and heavy tails bias the SD: let the intervals cover what they say
    reach = np.quantile(np.abs(target - for_mean @ mean) / sd, INTERVAL)
    spread[0] += np.log(reach / ndtri(0.5 + INTERVAL / 2))
    sd = np.maximum(np.exp(for_spread @ spread), MIN_SPREAD)
    distance = np.concatenate(
        [(for_mean @ mean - np.log(t + FLOOR_MM)) / sd for t in tolerances_mm]
    )
    above = np.concatenate([error_mm > t for t in tolerances_mm])
    slope, offset = _logistic(distance, above)
    return ErrorModel(names, low, high, center, scale, mean, spread, slope, offset)


def _ridge(x: FloatArray, y: FloatArray, weight: FloatArray) -> FloatArray:
    penalty = RIDGE * np.eye(x.shape[1])
    penalty[0, 0] = 0
    return np.asarray(
        np.linalg.solve(x.T @ (x * weight[:, None]) + penalty, x.T @ (weight * y)), dtype=np.float64
    )


def _logistic(x: FloatArray, label: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset of a logistic regression, by Newton's method with a weak prior."""
    design = np.stack([np.clip(x, -8, 8), np.ones(len(x))], axis=1)
    weights = np.array([1.7, 0.0])
    prior = np.array([1.7, 0.0])
    for _ in range(30):
        p = 1 / (1 + np.exp(-design @ weights))
        gradient = design.T @ (label - p) - (weights - prior)
        hessian = design.T @ (design * (p * (1 - p))[:, None]) + np.eye(2)
        weights = weights + np.linalg.solve(hessian, gradient)
    return float(weights[0]), float(weights[1])
