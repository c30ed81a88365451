"""Landmark points from files, as RAS millimeters.

Formats: Slicer's ``.fcsv`` and ``.mrk.json`` (both say whether they hold RAS or LPS), and plain
``.csv`` or ``.txt`` whose last three numbers in a row are R, A, S in mm (a header row is allowed).
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from RegQCLib.errors import InputError

LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])


def load_landmarks(path: str | Path) -> NDArray[np.float64]:
    """Read points, shape (N, 3), N >= 1, RAS mm, in the order of the file.

    Raises InputError when the file is missing, of another format, empty, or holds a number that is
    not finite.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text; save the landmarks as .csv") from error
    try:
        if path.name.lower().endswith(".json"):
            points = _from_markups(json.loads(text))
        elif path.suffix.lower() == ".fcsv":
            points = _from_fcsv(text)
        else:
            points = _from_rows(text)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise InputError(
            f"{path}: holds no landmarks that RegQC can read; use Slicer's .mrk.json or .fcsv, or "
            "rows of R, A, S in mm"
        ) from error
    if not len(points):
        raise InputError(f"{path}: holds no landmark; place at least one")
    if not np.isfinite(points).all():
        raise InputError(f"{path}: a landmark has a coordinate that is not finite; place it again")
    return points


def _from_markups(document: dict[str, list[dict[str, object]]]) -> NDArray[np.float64]:
    """Read the first markups node; points that were never placed are left out."""
    markup = document["markups"][0]
    sign = _sign(str(markup.get("coordinateSystem", "LPS")))
    controls = markup["controlPoints"]
    if not isinstance(controls, list):
        raise TypeError("controlPoints is no list")
    placed = [c for c in controls if c.get("positionStatus", "defined") == "defined"]
    return _points([c["position"] for c in placed]) * sign


def _from_fcsv(text: str) -> NDArray[np.float64]:
    """Read Slicer's older format: ``id,x,y,z,...`` under ``# CoordinateSystem = ...``."""
    system = re.search(r"CoordinateSystem\s*=\s*(\w+)", text)
    rows = [line.split(",") for line in text.splitlines() if line and not line.startswith("#")]
    return _points([[float(x) for x in row[1:4]] for row in rows]) * _sign(
        system.group(1) if system else "RAS"
    )


def _from_rows(text: str) -> NDArray[np.float64]:
    rows: list[list[float]] = []
    for number, line in enumerate(text.splitlines()):
        cells = [cell for cell in re.split(r"[,;\s]+", line.strip()) if cell]
        if not cells or cells[0].startswith("#"):
            continue
        try:
            rows.append([float(cell) for cell in cells[-3:]])
        except ValueError:
            if number:  # only the first row may be a header
                raise
    return _points(rows)


def _points(rows: list[object] | list[list[float]]) -> NDArray[np.float64]:
    points = np.asarray(rows, dtype=np.float64)
    if points.size and (points.ndim != 2 or points.shape[1] != 3):
        raise ValueError("a landmark has three coordinates")
    return points.reshape(-1, 3)


def _sign(system: str) -> NDArray[np.float64]:
    """Return what turns coordinates of ``system`` into RAS; Slicer wrote 0 for RAS, 1 for LPS."""
    if system in ("RAS", "0"):
        return np.ones(3)
    if system in ("LPS", "1"):
        return LPS_TO_RAS
    raise ValueError(f"unknown coordinate system {system}")
