"""What a repair of slices found, and its files."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from RegQCLib.errors import InputError
from RegQCLib.geometry.image_io import save_volume
from RegQCLib.geometry.transform_io import save_transform
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCLib.qc.alignment_report import SCHEMA_VERSION, plain

COLUMNS = (
    "index", "position_mm", "state", "displacement_mm", "shift_r_mm", "shift_a_mm", "shift_s_mm",
    "rotation_r_deg", "rotation_a_deg", "rotation_s_deg", "uncertainty_mm", "similarity_before",
    "similarity_after", "witness", "filled_fraction", "reason",
)  # fmt: skip


@dataclass
class SliceMotion:
    """How one slice lies off its place.

    index, position_mm: along the stack; world coordinate R, A or S of its middle. state: "moved",
    "in place", "no evidence" or "not examined"; reason: of the third. transform: RAS mm, from where
    points of the slice belong to where they lie; the identity unless it moved. displacement_mm:
    root mean square over the body. shift_mm: of the body's middle, along R, A, S. rotation_deg:
    rotation vector about R, A, S. doubt_mm: standard error of the place. score_before, score_after:
    local correlation, -1 to 1. witness: "reference" or "neighbors". filled_fraction: share of the
    body that had to be filled from neighbors. None or NaN: not measured.
    """

    index: int
    position_mm: float
    state: str
    reason: str = ""
    transform: Affine = field(default_factory=Affine.identity)
    displacement_mm: float | None = None
    shift_mm: tuple[float, float, float] | None = None
    rotation_deg: tuple[float, float, float] | None = None
    doubt_mm: float | None = None
    score_before: float | None = None
    score_after: float | None = None
    witness: str | None = None
    filled_fraction: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, named as the columns of the table."""
        shift = self.shift_mm or (None,) * 3
        turn = self.rotation_deg or (None,) * 3
        values = (
            self.index, self.position_mm, self.state, self.displacement_mm, *shift, *turn,
            self.doubt_mm, self.score_before, self.score_after, self.witness,
            self.filled_fraction, self.reason,
        )  # fmt: skip
        return dict(plain(dict(zip(COLUMNS, values, strict=True))))


@dataclass(frozen=True)
class SliceRepair:
    """Result of `fix_slices`.

    original, corrected: the stack before and after, on one grid. source: where each voxel of
    ``corrected`` comes from: 0 as acquired, 1 resampled from moved slices, 2 filled from neighbors,
    3 nothing known. plane: of the slices. motions: of every slice, in order. notes: what limits it.
    """

    original: Volume
    corrected: Volume
    source: Volume
    plane: str
    model: str
    reference: str | None
    motions: list[SliceMotion]
    notes: list[str]
    timing_s: dict[str, float]
    provenance: dict[str, Any]

    @property
    def moved(self) -> list[SliceMotion]:
        """The slices that were put back."""
        return [one for one in self.motions if one.state == "moved"]

    def counts(self) -> dict[str, int]:
        """Number of slices by state."""
        states = [one.state for one in self.motions]
        return {state: states.count(state) for state in dict.fromkeys(states)}

    def summary(self) -> str:
        """The finding in one line."""
        counts = self.counts()
        line = f"{counts.get('moved', 0)} of {len(self.motions)} {self.plane} slices moved"
        worst = max(self.moved, key=lambda one: one.displacement_mm or 0.0, default=None)
        if worst is not None:
            line += f", at most {worst.displacement_mm:.1f} mm (slice {worst.index})"
        rest = ", ".join(f"{n} {state}" for state, n in counts.items() if state != "moved")
        return f"{line}; {rest}" if rest else line

    def to_dict(self) -> dict[str, Any]:
        """Content of ``report.json``: plain values."""
        return dict(
            plain(
                {
                    "schema_version": SCHEMA_VERSION,
                    "kind": "slice motion",
                    "summary": self.summary(),
                    "plane": self.plane,
                    "model": self.model,
                    "reference": self.reference,
                    "counts": self.counts(),
                    "notes": self.notes,
                    "slices": [one.to_dict() for one in self.motions],
                    "timing_s": self.timing_s,
                    "provenance": self.provenance,
                }
            )
        )

    def to_csv(self) -> str:
        """Text of ``motion.csv``: one row a slice, empty cells where nothing was measured."""
        text = StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(one.to_dict() for one in self.motions)
        return text.getvalue()

    def save(self, directory: str | Path) -> None:
        """Write corrected.nii.gz, source.nii.gz, motion.csv, motion.svg, transforms and reports.

        transforms/slice_NNN.tfm, of moved slices: from where points belong (fixed) to where they
        lie in the file (moving), ITK, LPS.
        Raises InputError when the folder cannot be written; see `RegQCLib.outputs`.
        """
        from RegQCLib.report.slice_motion import motion_plot, render

        folder = Path(directory)
        texts = {
            "report.json": json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n",
            "motion.csv": self.to_csv(),
            "motion.svg": motion_plot(self.motions, standalone=True),
            "report.html": render(self),
        }
        try:
            (folder / "transforms").mkdir(parents=True, exist_ok=True)
            for name, text in texts.items():
                (folder / name).write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise InputError(f"{folder}: cannot write the report ({reason})") from error
        save_volume(self.corrected, folder / "corrected.nii.gz")
        save_volume(self.source, folder / "source.nii.gz")
        for one in self.moved:
            save_transform(one.transform, folder / "transforms" / f"slice_{one.index:03d}.tfm")
