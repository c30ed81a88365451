"""What a registration found, how good it is before and after, and its files."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.image_io import save_volume
from RegQCLib.geometry.transform_io import save_transform
from RegQCLib.geometry.transforms import Transform
from RegQCLib.geometry.volume import Volume
from RegQCLib.qc.alignment_report import SCHEMA_VERSION, plain
from RegQCLib.registration.judging import Judged


@dataclass(frozen=True)
class Registration:
    """Result of `register`.

    kind: what was asked for. transform: fixed-space to moving-space points, RAS mm; inverse: the
    other way. moving_grid: of the moving image. moved: that image on the fixed grid, resampled
    once; moved_before: as it lay at the start. before, after: checks at the start and with
    ``transform``. kept: the step whose transform this is, or "start" when no
    step made it better. limits: what held the result back, in words. metrics: numbers by name.
    history: by step. timing_s: seconds by step. provenance: versions, options, preprocessing.
    """

    kind: str
    transform: Transform
    inverse: Transform
    fixed: Volume
    moving_grid: Grid
    moved: Volume
    moved_before: Volume
    before: Judged
    after: Judged
    kept: str
    limits: tuple[str, ...] = ()
    metrics: dict[str, Any] = field(default_factory=dict)
    history: dict[str, Any] = field(default_factory=dict)
    timing_s: dict[str, float] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Content of ``report.json``: plain values."""
        return dict(
            plain(
                {
                    "schema_version": SCHEMA_VERSION,
                    "kind": self.kind,
                    "kept": self.kept,
                    "limits": list(self.limits),
                    "before": self.before.summary(),
                    "after": self.after.summary(),
                    "metrics": self.metrics,
                    "history": self.history,
                    "timing_s": self.timing_s,
                    "provenance": self.provenance,
                }
            )
        )

    def summary(self) -> str:
        """The finding in one line."""
        before, after = (_short(judged) for judged in (self.before, self.after))
        what = self.kind if self.kept != "start" else "no better than the start, which was kept"
        line = f"{what}: {before} before, {after} after"
        return f"{line}; {'; '.join(self.limits)}" if self.limits else line

    def save(self, directory: str | Path) -> None:
        """Write transform.h5, inverse.h5, moved.nii.gz, displacement.nii.gz and the reports.

        transform.h5 maps fixed to moving points (ITK, LPS), inverse.h5 moving to fixed points.
        What bends is stored at the voxels of the image whose points are mapped: see `stored_on`.
        Raises InputError when the folder cannot be written; see `RegQCLib.outputs`.
        """
        from RegQCLib.report.registration_page import render

        folder = Path(directory)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            text = json.dumps(self.to_dict(), indent=1, allow_nan=False, ensure_ascii=False)
            (folder / "report.json").write_text(text + "\n", encoding="utf-8", newline="\n")
            (folder / "report.html").write_text(render(self), encoding="utf-8", newline="\n")
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise InputError(f"{folder}: cannot write the report ({reason})") from error
        grid = self.fixed.grid
        save_transform(self.transform, folder / "transform.h5", grid=grid)
        save_transform(self.inverse, folder / "inverse.h5", grid=self.moving_grid)
        save_transform(self.transform, folder / "displacement.nii.gz", grid=grid)
        save_volume(self.moved, folder / "moved.nii.gz")


def _short(judged: Judged) -> str:
    if judged.error_mm is None:
        return judged.verdict.replace("_", " ")
    return f"{judged.verdict.replace('_', ' ')} ({judged.error_mm:.1f} mm)"
