"""What a check found, read from its report.json: the one result that all panels look at."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import PLANE_NAMES, Grid
from RegQCLib.qc.alignment_report import VERDICTS, AxisScores, SliceScore, severity

REPORT_FILE = "report.json"
ERROR_MAP_FILE = "error_map.nii.gz"


@dataclass(frozen=True, eq=False)
class CheckResult:
    """The verdict on one pair, and the scores of its slices.

    report: content of report.json. grid: of the fixed volume in world space (RAS mm), where known.
    folder: where the files lie, while they do. nodes: made of it, by field of `RegQCParameters`.
    """

    report: dict[str, Any] = field(repr=False)
    grid: Grid | None = None
    folder: Path | None = field(default=None, repr=False)
    nodes: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def fromFolder(cls, folder: str | Path, grid: Grid | None = None) -> CheckResult:
        """Read what `regqc check` wrote. Raises InputError when there is no report."""
        file = Path(folder) / REPORT_FILE
        try:
            text = file.read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(f"{file}: no report there; check the pair again") from error
        return cls.fromText(text, grid, folder=Path(folder))

    @classmethod
    def fromText(
        cls, text: str, grid: Grid | None = None, *, folder: Path | None = None
    ) -> CheckResult:
        """Read the text of report.json. Raises InputError when it is none."""
        try:
            report = json.loads(text)
            result = cls(report, grid, folder)
            if result.verdict not in VERDICTS or not isinstance(result.axes, list):
                raise ValueError(result.verdict)
        except (ValueError, KeyError, TypeError) as error:
            raise InputError("the text is no report of RegQC; check the pair again") from error
        return result

    def inFolder(self, folder: Path | None) -> CheckResult:
        """Return the same result, its files in another folder, or in none."""
        return replace(self, folder=folder)

    @property
    def text(self) -> str:
        """The text of report.json."""
        return json.dumps(self.report, ensure_ascii=False) + "\n"

    @property
    def verdict(self) -> str:
        """One of "aligned", "misaligned" and "cannot_tell"."""
        return str(self.report["verdict"])

    @property
    def verdictText(self) -> str:
        """The verdict in words."""
        return VERDICTS[self.verdict]

    @property
    def reason(self) -> str:
        """Why, in one sentence."""
        return str(self.report["reason"])

    @property
    def probability(self) -> float | None:
        """Probability that the pair is misaligned, 0 to 1; None when it cannot tell."""
        return self.report["probability_misaligned"]

    @property
    def toleranceMm(self) -> float | None:
        """Mean error above which the pair counts as misaligned."""
        return self.report.get("tolerance_mm")

    @property
    def errorMean(self) -> float | None:
        """Estimated error over the body in mm, or None."""
        return self._error("mean")

    @property
    def errorP95(self) -> float | None:
        """95th percentile of the error over the body in mm, or None."""
        return self._error("p95")

    @property
    def errorInterval(self) -> tuple[float, float] | None:
        """Calibrated interval of the mean error in mm, or None."""
        interval = self._error("interval")
        return None if interval is None else (interval[0], interval[1])

    @property
    def warnings(self) -> list[str]:
        """What reading and judging the inputs assumed."""
        return list(self.report.get("provenance", {}).get("warnings", ()))

    @property
    def provenance(self) -> dict[str, Any]:
        """Versions, models, options and inputs."""
        return dict(self.report.get("provenance", {}))

    @cached_property
    def axes(self) -> list[AxisScores]:
        """Scores by plane."""
        return [
            AxisScores(
                axis["name"],
                bool(axis["is_acquisition"]),
                [SliceScore(**one) for one in axis["slices"]],
            )
            for axis in self.report["axes"]
        ]

    @property
    def acquisitionAxis(self) -> str:
        """The plane in which the fixed volume was acquired; "axial" where that is not known."""
        return next((axis.name for axis in self.axes if axis.is_acquisition), PLANE_NAMES[2])

    def addNotes(self, notes: Sequence[str]) -> None:
        """Add to `warnings` what only the scene knows."""
        self.report.setdefault("provenance", {}).setdefault("warnings", []).extend(notes)

    def scores(self, axis: str) -> list[SliceScore]:
        """Scores of the slices of one plane, in order; none for a plane that was not judged."""
        return next((one.slices for one in self.axes if one.name == axis), [])

    def flagged(self, axis: str = "all") -> list[tuple[str, SliceScore]]:
        """Slices that a person should look at, with their planes; of one plane, or of all."""
        return [(name, one) for name, one in self.slices(axis) if one.flagged]

    def slices(self, axis: str = "all") -> list[tuple[str, SliceScore]]:
        """All slices with their planes; of one plane, or of all."""
        planes = PLANE_NAMES if axis == "all" else (axis,)
        return [(name, one) for name in planes for one in self.scores(name)]

    def worst(self, axis: str = "all") -> tuple[str, SliceScore] | None:
        """The measured slice that is worst, with its plane."""
        measured = [pair for pair in self.slices(axis) if pair[1].measured]
        return max(measured, key=lambda pair: severity(pair[1]), default=None)

    def positionRas(self, axis: str, index: int) -> NDArray[np.float64]:
        """RAS mm of the middle of a slice.

        Where the fixed grid is not known, only the coordinate across the slice is, and the others
        are 0. Raises InputError for a slice that does not exist.
        """
        if self.grid is not None:
            arrayAxis = self.grid.array_axis(axis)
            if not 0 <= index < self.grid.shape[arrayAxis]:
                raise InputError(f"there is no {axis} slice {index}")
            middle = (np.array(self.grid.shape) - 1) / 2
            middle[arrayAxis] = index
            return self.grid.to_world(middle[::-1])
        for one in self.scores(axis):
            if one.index == index:
                position = np.zeros(3)
                position[PLANE_NAMES.index(axis)] = one.position_mm
                return position
        raise InputError(f"there is no {axis} slice {index}")

    def summary(self) -> str:
        """The finding in one line, for status bars and logs."""
        if self.errorMean is None:
            return f"{self.verdictText}: {self.reason}"
        flagged, measured = len(self.flagged()), sum(one.measured for _plane, one in self.slices())
        return (
            f"{self.verdictText}: estimated error {self.errorMean:.1f} mm mean, "
            f"{self.errorP95:.1f} mm 95th percentile; {flagged} of {measured} slices flagged"
        )

    def _error(self, name: str) -> Any:
        error = self.report.get("error_mm")
        return None if error is None else error[name]
