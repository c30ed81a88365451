"""From features to millimeters and probabilities, learned on synthetic volumes alone.

The logarithm of the true mean displacement (plus 0.3 mm) is modeled as normal, with a mean and a
standard deviation that are linear in the features. From it follow an estimate, an interval, and the
probability that the displacement exceeds any tolerance, all consistent with each other.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, ndtri

from RegQCLib.errors import InputError
from RegQCLib.qc.features import FLOOR_MM

FloatArray = NDArray[np.float64]

INTERVAL = 0.9  # coverage of reported intervals
MIN_SPREAD = 0.05


@dataclass(frozen=True)
class ErrorModel:
    """A normal distribution of log(error + 0.3 mm), given features.

    low, high, center, scale: (F,) range seen in calibration and standardization of the features.
    mean: (2F + 1,) weights of [1, z, z^2]. spread: (F + 1,) weights of [1, z], log of the SD.
    slope, offset: logistic recalibration of the probability.
    """

    names: tuple[str, ...]
    low: FloatArray
    high: FloatArray
    center: FloatArray
    scale: FloatArray
    mean: FloatArray
    spread: FloatArray
    slope: float = 1.7
    offset: float = 0.0

    def predict(self, features: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Mean and SD (N,) of log(error + 0.3 mm) for features (N, F).

        Features are clipped to the range seen in calibration: nothing is extrapolated.
        """
        x = np.clip(np.atleast_2d(np.asarray(features, dtype=np.float64)), self.low, self.high)
        z = (x - self.center) / self.scale
        one = np.ones((len(z), 1))
        mu = np.concatenate([one, z, z**2], axis=1) @ self.mean
        sd = np.exp(np.concatenate([one, z], axis=1) @ self.spread)
        return mu, np.maximum(sd, MIN_SPREAD)

    def error_mm(self, features: ArrayLike) -> FloatArray:
        """Median of the error (N,), mm."""
        mu, _ = self.predict(features)
        return np.maximum(np.exp(mu) - FLOOR_MM, 0)

    def interval_mm(self, features: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Bounds (N,) between which the error lies with 90 % probability, mm."""
        mu, sd = self.predict(features)
        reach = float(ndtri(0.5 + INTERVAL / 2)) * sd
        return (
            np.maximum(np.exp(mu - reach) - FLOOR_MM, 0),
            np.maximum(np.exp(mu + reach) - FLOOR_MM, 0),
        )

    def probability_above(self, features: ArrayLike, tolerance_mm: float) -> FloatArray:
        """Probability (N,) that the error exceeds a tolerance."""
        mu, sd = self.predict(features)
        return self.recalibrated((mu - np.log(tolerance_mm + FLOOR_MM)) / sd)

    def recalibrated(self, z: FloatArray) -> FloatArray:
        """Probability from the distance to the tolerance in standard deviations."""
        result: FloatArray = expit(self.slope * z + self.offset)
        return result

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain = {
            name: [round(float(v), 6) for v in getattr(self, name)]
            for name in ("low", "high", "center", "scale", "mean", "spread")
        }
        return {"names": list(self.names), **plain, "slope": self.slope, "offset": self.offset}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ErrorModel:
        """The inverse of `to_dict`."""
        arrays = {
            name: np.array(values[name], dtype=np.float64)
            for name in ("low", "high", "center", "scale", "mean", "spread")
        }
        return cls(tuple(values["names"]), **arrays, slope=values["slope"], offset=values["offset"])


@dataclass(frozen=True)
class Calibration:
    """The shipped calibration.

    tolerance_mm: default tolerance. min_log_evidence: below it the check cannot tell.
    slice_flag: probability from which a slice is flagged.
    """

    volume: ErrorModel
    slices: ErrorModel
    tolerance_mm: float
    min_log_evidence: float
    slice_flag: float

    def tolerance(self, tolerance_mm: float | None) -> float:
        """The tolerance to use, mm: the given one, or the default for None.

        Raises InputError when it is no positive number.
        """
        result = self.tolerance_mm if tolerance_mm is None else tolerance_mm
        if not 0 < result < float("inf"):
            raise InputError(f"the tolerance must be a positive number of mm, got {result:g}")
        return result


@lru_cache(maxsize=4)
def load_calibration(path: Path) -> Calibration:
    """Read calibration.json; raises InputError when it is missing or damaged."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Calibration(
            ErrorModel.from_dict(values["volume"]),
            ErrorModel.from_dict(values["slices"]),
            float(values["tolerance_mm"]),
            float(values["min_log_evidence"]),
            float(values["slice_flag"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{path}: missing or damaged calibration; reinstall RegQC") from None
