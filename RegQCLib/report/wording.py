"""How a report words its numbers: rounded for people, with units, and never blank."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

MISSING = "not measured"
UNITS = {"_mm": "mm", "_deg": "°", "_s": "s", "_hu": "HU"}
SHARES = ("fraction", "share")


def number(value: float | None, *, digits: int = 1, unit: str = "") -> str:
    """Return a rounded number with its unit, or that it was not measured."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{value:.{digits}f}{f' {unit}' if unit else ''}"


def rows(
    facts: Mapping[str, Any], prefix: str = "", *, missing: str = MISSING
) -> Iterator[tuple[str, str]]:
    """Flatten a nested mapping of plain values into names and values fit to read.

    missing: what None is called.
    """
    for key, value in facts.items():
        if isinstance(value, Mapping):
            yield from rows(value, f"{prefix}{label(key)}: ", missing=missing)
        elif isinstance(value, list) and value and all(isinstance(v, Mapping) for v in value):
            for place, item in enumerate(value, start=1):
                yield from rows(item, f"{prefix}{label(key)} {place}: ", missing=missing)
        else:
            yield f"{prefix}{label(key)}", missing if value is None else _text(key, value)


def label(key: str) -> str:
    """Return a key of the JSON file in words, its unit left to the value."""
    for ending in UNITS:
        key = key.removesuffix(ending)
    return key.replace("_", " ")


def _text(key: str, value: Any) -> str:
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_text(key, item) for item in value) or "none"
    if isinstance(value, float | int):
        if any(word in key for word in SHARES):
            return f"{value:.2%}"
        unit = next((unit for ending, unit in UNITS.items() if key.endswith(ending)), "")
        text = f"{value:.4g}" if isinstance(value, float) else f"{value}"
        return f"{text} {unit}".rstrip()
    return str(value)
