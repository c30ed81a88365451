"""A stand-in for the child process of a check: quick, with a result that is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from RegQCLib.geometry.grid import PLANE_NAMES
from RegQCLib.geometry.image_io import load_volume, save_volume
from RegQCLib.geometry.volume import Volume
from RegQCScene.job import Event
from RegQCScene.stepped_job import PAUSE

FLAGGED = {"sagittal": [0, 2], "coronal": [], "axial": [1, 2, 4]}
UNKNOWN = (slice(0, 1), slice(None), slice(None))
"""Where the error map holds no value: the first axial slice."""


class CannedCheck:
    """Replaces `check_job.childSteps`; keeps the arguments and the images that it was given.

    verdict: what it finds. whileItRuns: called in the middle.
    """

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.images: dict[str, Volume] = {}
        self.verdict = "misaligned"
        self.error = 3.0
        self.whileItRuns: Any = lambda: None

    def __call__(self, arguments: list[str], _folder: Path, span: tuple[float, float]) -> Any:
        """Write a report as `regqc check` does."""
        self.calls.append(arguments)
        command, fixed, moving = arguments[:3]
        assert command == "check"
        self.images = {"fixed": load_volume(fixed), "moving": load_volume(moving)}
        options = dict(zip(arguments[3::2], arguments[4::2], strict=False))
        if "--mask" in options:
            self.images["mask"] = load_volume(options["--mask"])
        yield Event("progress", "matching slices", span[0])
        self.whileItRuns()
        yield PAUSE
        self._write(Path(options["--out"]))
        return {"verdict": self.verdict}

    def errors(self) -> np.ndarray:
        """The error map, mm; NaN where unknown."""
        shape = self.images["fixed"].shape
        array = np.linspace(0, 6, int(np.prod(shape)), dtype=np.float32).reshape(shape)
        array[UNKNOWN] = np.nan
        return array

    def _write(self, out: Path) -> None:
        out.mkdir()
        known = self.verdict != "cannot_tell"
        report = {
            "schema_version": "1.0",
            "verdict": self.verdict,
            "reason": "because",
            "probability_misaligned": 0.9 if known else None,
            "tolerance_mm": 1.5,
            "error_mm": {"mean": self.error, "p95": 6.0, "interval": [2.0, 4.0]} if known else None,
            "axes": [self._axis(plane, known) for plane in PLANE_NAMES],
            "provenance": {"warnings": ["a warning"]},
        }
        (out / "report.json").write_text(json.dumps(report))
        (out / "report.html").write_text("<p>")
        if known:
            grid = self.images["fixed"].grid
            save_volume(Volume(self.errors(), grid.affine), out / "error_map.nii.gz")

    def _axis(self, plane: str, known: bool) -> dict[str, Any]:
        grid = self.images["fixed"].grid
        count = grid.shape[grid.array_axis(plane)]
        slices = [
            {
                "index": index,
                "position_mm": 10.0 * index,
                "probability_misaligned": 0.1 * index if known and index else None,
                "error_mm": 0.5 * index if known and index else None,
                "flagged": known and index in FLAGGED[plane],
            }
            for index in range(count)
        ]
        return {"name": plane, "is_acquisition": plane == "axial", "slices": slices}
