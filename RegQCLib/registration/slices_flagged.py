"""The slices that a check flagged, found again in the stack that is to be repaired."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from RegQCLib.errors import InputError
from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.slice_stack import stack_of

NEAR = 0.75  # slice distances within which a flagged position names a slice


def flagged_slices(path: str | Path, volume: Volume, axis: str | int | None = None) -> list[int]:
    """Return the numbers of slices of ``volume`` that ``report.json`` of `regqc check` flags.

    The check numbers slices of the fixed image; their positions (mm along R, A or S) name slices of
    ``volume`` where its grid is another.
    Raises InputError when the file is no such report, or has no scores of the stack's plane.
    """
    file = Path(path)
    stack = stack_of(volume, axis)
    scores = _scores(file, stack.plane)
    positions = stack.positions_mm()
    step = float(np.abs(np.diff(positions)).mean())
    found = set()
    for one in scores:
        if not one["flagged"]:
            continue
        distance = np.abs(positions - float(one["position_mm"]))
        if distance.min() <= NEAR * step:
            found.add(int(distance.argmin()))
    return sorted(found)


def _scores(file: Path, plane: str) -> list[dict[str, Any]]:
    try:
        report = json.loads(file.read_text(encoding="utf-8"))
        axes = {axis["name"]: list(axis["slices"]) for axis in report["axes"]}
        for one in axes.get(plane, ()):
            bool(one["flagged"]), float(one["position_mm"])
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"{file}: cannot be read ({reason}); check the path") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file}: is no report.json of regqc check; give that file") from error
    if not axes.get(plane):
        raise InputError(f"{file}: holds no scores of {plane} slices; check this pair again")
    return axes[plane]
