"""The numbers by which two runs are compared, and from when on a difference counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from RegQCLib.errors import InputError

ERROR = "error_mean_mm"
EVALUATED = {
    "dice_mean": "Dice",
    "hd95_mean_mm": "HD95",
    "assd_mean_mm": "ASSD",
    "tre_mean_mm": "TRE",
}
"""Columns of the evaluation, and in words; those in mm end so."""


@dataclass(frozen=True)
class Limits:
    """Differences beyond these count. mm: of errors and distances; dice: of Dice coefficients.

    Raises InputError for negative ones.
    """

    mm: float = 0.5
    dice: float = 0.02

    def __post_init__(self) -> None:
        for value, unit in ((self.mm, "0 mm"), (self.dice, "0")):
            if not value >= 0:
                raise InputError(f"the change to report must be {unit} or more, got {value:g}")

    def exceeded(self, column: str, change: float | None) -> bool:
        """Whether a difference counts."""
        limit = self.mm if column.endswith("_mm") else self.dice
        return change is not None and abs(change) > limit


def change_name(column: str) -> str:
    """Name of the difference B - A of a column."""
    return "error_change_mm" if column == ERROR else f"{column}_change"


def side_by_side(
    column: str, a: Mapping[str, Any], b: Mapping[str, Any]
) -> dict[str, float | None]:
    """Return a number of a pair in A and B, and B - A; None where it is not known."""
    one, other = a.get(column), b.get(column)
    change = None if one is None or other is None else other - one
    return {f"{column}_a": one, f"{column}_b": other, change_name(column): change}


def spread(changes: Iterable[float | None]) -> dict[str, float] | None:
    """Median, 2.5th and 97.5th percentile of the differences that are known; None without one."""
    found = [one for one in changes if one is not None]
    if not found:
        return None
    low, middle, high = np.percentile(found, (2.5, 50, 97.5))
    return {"median": float(middle), "low": float(low), "high": float(high)}


def spread_text(column: str, found: Mapping[str, float]) -> str:
    """A line for people."""
    unit = " mm" if column.endswith("_mm") else ""
    digits = 2 if unit else 3
    middle, low, high = (f"{found[name]:+.{digits}f}" for name in ("median", "low", "high"))
    name = "mean error" if column == ERROR else f"mean {EVALUATED[column]}"
    return f"{name}, B - A: median {middle}{unit}, 95 % of the pairs from {low} to {high}{unit}"
