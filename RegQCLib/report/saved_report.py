"""An alignment report from its ``report.json``: to show again what a check found earlier."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from RegQCLib.errors import InputError
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.image_io import load_volume
from RegQCLib.geometry.volume import Volume
from RegQCLib.qc.alignment_report import (
    SCHEMA_VERSION,
    AlignmentReport,
    AxisScores,
    ErrorEstimate,
    SliceScore,
)

REPORT_FILE = "report.json"
ERROR_MAP_FILES = ("error_map.nii.gz", "error_map.mha")


def read_report(folder: str | Path) -> dict[str, Any]:
    """Return the content of ``report.json`` in the folder that a check wrote.

    Raises InputError when there is none, or it is of another version.
    """
    file = Path(folder) / REPORT_FILE
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{file}: no such file; pass the folder that a check wrote") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: cannot be read, or is damaged; run the check again") from error
    found = content.get("schema_version") if isinstance(content, dict) else None
    if found != SCHEMA_VERSION or "verdict" not in content:
        raise InputError(f"{file}: is no report of a check of this version; run the check again")
    return dict(content)


def read_error_map(folder: str | Path) -> Volume | None:
    """Return the error map in the folder that a check wrote, or None where it has none."""
    file = error_map_file(folder)
    return None if file is None else load_volume(file, name="error map")


def error_map_file(folder: str | Path) -> Path | None:
    """Return the file of the error map in the folder that a check wrote, or None."""
    files = [Path(folder) / name for name in ERROR_MAP_FILES]
    return next((file for file in files if file.exists()), None)


def saved_report(
    content: Mapping[str, Any],
    fixed: Volume,
    moved: Volume,
    *,
    error_map: Volume | None = None,
    displacement: DisplacementField | None = None,
) -> AlignmentReport:
    """Put the content of ``report.json`` and the images it is about together again.

    fixed, moved, error_map: on one grid, as `AlignmentReport` has them.
    Raises InputError when the content is not that of a report, or names slices the grid lacks.
    """
    try:
        error = content["error_mm"]
        report = AlignmentReport(
            verdict=content["verdict"],
            reason=content["reason"],
            probability_misaligned=content["probability_misaligned"],
            error_mm=None
            if error is None
            else ErrorEstimate(error["mean"], error["p95"], tuple(error["interval"])),
            axes=[
                AxisScores(
                    axis["name"],
                    axis["is_acquisition"],
                    [SliceScore(**one) for one in axis["slices"]],
                )
                for axis in content["axes"]
            ],
            overlap=content["overlap"],
            field=content["field"],
            tg132=content["tg132"],
            similarity=content["similarity"]["measures"],
            timing_s=content["timing_s"],
            provenance=content["provenance"],
            fixed=fixed,
            moved=moved,
            error_map=error_map,
            displacement=displacement,
            tolerance_mm=content["tolerance_mm"],
        )
    except (KeyError, TypeError, ValueError) as problem:
        raise InputError(
            "the report is no report of a check, or is damaged; run the check again"
        ) from problem
    for axis in report.axes:
        count = fixed.shape[fixed.grid.array_axis(axis.name)]
        if any(one.index >= count for one in axis.slices):
            raise InputError(
                f"{fixed.name}: has {count} {axis.name} slices, the report speaks of more; "
                "it is about another image"
            )
    return report


def require_same_images(content: Mapping[str, Any], fixed: Volume, moving: Volume) -> None:
    """Raise InputError unless the report with this content is about these two images' voxels."""
    from RegQCLib.qc.check import image_identity

    checked = content["provenance"]["inputs"]
    for role, volume in (("fixed", fixed), ("moving", moving)):
        now = image_identity(volume)
        if any(checked[role][name] != now[name] for name in ("shape", "voxels_sha256")):
            raise InputError(
                f"{volume.name}: is not the {role} image that was checked "
                f"({checked[role]['name']}); check the pair again"
            )
