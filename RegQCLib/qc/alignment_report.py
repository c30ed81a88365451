"""What a check found: the verdict, the numbers behind it, and the images to show them on.

Lengths are mm, probabilities 0 to 1, times s. ``None`` stands for what was not measured.
The names in `AlignmentReport.to_dict` are those of ``report.json`` (RegQCLib/report/schema.json).
Pictures and pages are made by `RegQCLib.report`, which is loaded only when one is asked for.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as attribute
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import PLANE_NAMES
from RegQCLib.geometry.volume import Volume

if TYPE_CHECKING:
    from RegQCLib.geometry.fields import DisplacementField

SCHEMA_VERSION = "1.0"
VERDICTS = {"aligned": "aligned", "misaligned": "misaligned", "cannot_tell": "cannot tell"}
"""Verdicts as in ``report.json``, and in words."""

SIMILARITY_ROLE = "supporting evidence only; not used for the verdict"


@dataclass(frozen=True)
class SliceScore:
    """One slice of the fixed grid.

    index: along the plane's array axis. position_mm: world coordinate (R, A or S) of its middle.
    probability_misaligned, error_mm: None (also if given as NaN) where the slice holds no evidence.
    flagged: whether a person should look at it.
    """

    index: int
    position_mm: float
    probability_misaligned: float | None
    error_mm: float | None
    flagged: bool

    def __post_init__(self) -> None:
        for name in ("probability_misaligned", "error_mm"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                object.__setattr__(self, name, None)

    @property
    def measured(self) -> bool:
        """Whether the slice held evidence."""
        return self.probability_misaligned is not None or self.error_mm is not None


@dataclass(frozen=True)
class AxisScores:
    """The slices of one plane, in order of index. is_acquisition: they were acquired so."""

    name: str
    is_acquisition: bool
    slices: list[SliceScore]

    def __post_init__(self) -> None:
        if self.name not in PLANE_NAMES:
            raise ValueError(f"a plane is one of {', '.join(PLANE_NAMES)}, got {self.name!r}")


@dataclass(frozen=True)
class ErrorEstimate:
    """Residual error over the body, mm. interval: calibrated interval of the mean (low, high)."""

    mean: float
    p95: float
    interval: tuple[float, float]


@dataclass
class AlignmentReport:
    """Result of `RegQCLib.check`; in a notebook it shows itself.

    verdict: "aligned", "misaligned" or "cannot_tell"; reason: why, one sentence.
    probability_misaligned: 0 to 1, None when it cannot tell. error_mm: over the body, or None.
    axes: slice scores by plane. overlap: of the fields of view. field: plausibility of the given
    transform (`qc.field_plausibility`), or None. tg132: rows of `qc.tg132.tg132_table`.
    similarity: measures by name, supporting evidence only. timing_s: seconds by stage.
    provenance: versions, model hash, options, input hashes.
    fixed, moved: the images compared, on one grid. error_map: mm on that grid, NaN where unknown.
    displacement: the transform that was applied, on that grid, where one was given.
    tolerance_mm: mean error above which a pair counts as misaligned.
    Raises ValueError for an unknown verdict, a verdict without probability, or a probability where
    the verdict is "cannot_tell".
    """

    verdict: str
    reason: str
    probability_misaligned: float | None
    error_mm: ErrorEstimate | None
    axes: list[AxisScores]
    overlap: dict[str, Any]
    field: dict[str, Any] | None
    tg132: list[dict[str, Any]]
    similarity: dict[str, float]
    timing_s: dict[str, float]
    provenance: dict[str, Any]
    fixed: Volume = attribute(repr=False)
    moved: Volume = attribute(repr=False)
    error_map: Volume | None = attribute(default=None, repr=False)
    displacement: DisplacementField | None = attribute(default=None, repr=False)
    tolerance_mm: float | None = None

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(f"a verdict is one of {', '.join(VERDICTS)}, got {self.verdict!r}")
        if (self.verdict == "cannot_tell") != (self.probability_misaligned is None):
            raise ValueError(
                "the probability is None exactly where the verdict is cannot_tell, got "
                f"{self.probability_misaligned} for {self.verdict}"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``report.json``: plain Python values, None where not finite."""
        error = self.error_mm
        return plain(
            {
                "schema_version": SCHEMA_VERSION,
                "verdict": self.verdict,
                "reason": self.reason,
                "probability_misaligned": self.probability_misaligned,
                "tolerance_mm": self.tolerance_mm,
                "error_mm": None
                if error is None
                else {"mean": error.mean, "p95": error.p95, "interval": list(error.interval)},
                "axes": [
                    {
                        "name": axis.name,
                        "is_acquisition": axis.is_acquisition,
                        "slices": [vars(one) for one in axis.slices],
                    }
                    for axis in self.axes
                ],
                "overlap": self.overlap,
                "field": self.field,
                "tg132": self.tg132,
                "similarity": {"role": SIMILARITY_ROLE, "measures": self.similarity},
                "timing_s": self.timing_s,
                "provenance": self.provenance,
            }
        )

    def to_json(self) -> str:
        """Return the text of ``report.json``."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False, ensure_ascii=False) + "\n"

    def to_html(self) -> str:
        """Return the text of ``report.html``: one page that needs no other file."""
        from RegQCLib.report.html import render

        return render(self)

    def to_csv(self) -> str:
        """Return the text of ``slices.csv``: one row a slice."""
        from RegQCLib.report.slices_csv import slices_csv

        return slices_csv(self.axes)

    def save(self, directory: str | Path) -> None:
        """Write report.json, report.html, slices.csv and error_map.nii.gz into ``directory``.

        The folder is made if missing; an earlier report in it is replaced. Without an error map
        there is no error_map.nii.gz afterwards. See `RegQCLib.outputs` for all or nothing.
        Raises InputError when the folder cannot be written.
        """
        from RegQCLib.geometry.image_io import save_volume

        folder = Path(directory).expanduser()
        texts = {
            "report.json": self.to_json(),
            "slices.csv": self.to_csv(),
            "report.html": self.to_html(),
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in texts.items():
                (folder / name).write_text(text, encoding="utf-8", newline="\n")
            if self.error_map is None:
                (folder / "error_map.nii.gz").unlink(missing_ok=True)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise InputError(f"{folder}: cannot write the report ({reason})") from error
        if self.error_map is not None:
            save_volume(self.error_map, folder / "error_map.nii.gz")

    def summary(self) -> str:
        """Return the finding as one line."""
        if self.verdict == "cannot_tell":
            return f"{VERDICTS[self.verdict]}: {' '.join(self.reason.split())}"
        parts = []
        error = self.error_mm
        implausible = self.field is not None and self.field.get("plausible") is False
        source = ""
        if implausible:
            parts.append("the transform is not plausible")
            source = "by the images alone, "
        if error is not None:
            low, high = error.interval
            parts.append(
                f"{source}estimated error {error.mean:.1f} mm mean [{low:.1f}, {high:.1f}], "
                f"{error.p95:.1f} mm 95th percentile"
            )
        flagged = [one for axis in self.axes for one in axis.slices if one.flagged]
        total = sum(one.measured for axis in self.axes for one in axis.slices)
        parts.append(f"{len(flagged)} of {total} slices flagged")
        worst = worst_slice(self.axes)
        if worst is not None and flagged:
            parts.append(f"worst {worst[0].name} slice {worst[1].index}")
        chance = ""
        if self.probability_misaligned is not None:
            chance = f" (P(misaligned) {probability_text(self.probability_misaligned)})"
        return f"{VERDICTS[self.verdict]}{chance}: {'; '.join(parts)}"

    def _repr_html_(self) -> str:
        """Show the page in a frame of its own, so that its styles stay out of the notebook's."""
        page = html.escape(self.to_html(), quote=True)
        return (
            f'<p>{html.escape(self.summary())}</p><iframe srcdoc="{page}" sandbox '
            'style="width:100%;height:800px;border:1px solid #ccc"></iframe>'
        )


def severity(one: SliceScore) -> tuple[bool, float, float]:
    """Sort key of how bad a slice is: flagged first, then by error, then by probability."""
    return (one.flagged, one.error_mm or 0.0, one.probability_misaligned or 0.0)


def worst_slice(axes: list[AxisScores]) -> tuple[AxisScores, SliceScore] | None:
    """Return the measured slice that is worst by `severity`, with its plane; None without one."""
    candidates = [(axis, one) for axis in axes for one in axis.slices if one.measured]
    return max(candidates, key=lambda pair: severity(pair[1]), default=None)


def probability_text(probability: float) -> str:
    """Return two digits, and never a certainty that two digits cannot state: "= 0.98", "> 0.99"."""
    if probability > 0.99:
        return "> 0.99"
    if probability < 0.01:
        return "< 0.01"
    return f"= {probability:.2f}"


def plain(value: Any) -> Any:
    """Return ``value`` made of JSON's types only; numbers that are not finite become None.

    Accepts numpy scalars and arrays, mappings, sequences and paths. Raises TypeError otherwise.
    """
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    raise TypeError(f"a report cannot hold a {type(value).__name__}: {value!r}")
