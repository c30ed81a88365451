"""The check: are these two volumes aligned, where not, and by how much?

Slices along all three axes go through two networks trained on synthetic images alone: the slice
classifier of ISMRM 2022 #1880 (misaligned or not) and a matcher (where did it go). What they say
is put together in 3-D and turned into millimeters and probabilities by a calibration that was
fitted to synthetic volumes, too. No torch is needed.
"""

from __future__ import annotations

import hashlib
import platform
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from RegQCLib import __version__
from RegQCLib.evaluation.landmark_error import target_registration_error
from RegQCLib.geometry.transform_checks import require_plausible_transform
from RegQCLib.geometry.transforms import Transform, to_displacement
from RegQCLib.geometry.validation import require_image_content, require_mask
from RegQCLib.geometry.volume import Volume
from RegQCLib.progress import Progress, silent
from RegQCLib.qc.alignment_report import AlignmentReport
from RegQCLib.qc.calibration import load_calibration
from RegQCLib.qc.contours import contour_agreement
from RegQCLib.qc.error_map import error_map
from RegQCLib.qc.field_plausibility import assess_field
from RegQCLib.qc.inference import WEIGHTS, choose_engine, model_hashes, release_buffers
from RegQCLib.qc.prepare import PreparedPair, prepare_pair
from RegQCLib.qc.scoring import Scored, axis_scores, score
from RegQCLib.qc.stopwatch import Stopwatch
from RegQCLib.qc.tg132 import tg132_table
from RegQCLib.qc.verdict import cannot_tell, decide
from RegQCLib.similarity.measures import similarity_measures


def check(
    fixed: Volume,
    moving: Volume,
    transform: Transform | None = None,
    mask: Volume | None = None,
    *,
    inverse: Transform | None = None,
    tolerance_mm: float | None = None,
    between_people: bool = False,
    landmarks: tuple[ArrayLike, ArrayLike] | None = None,
    labels: tuple[Volume, Volume] | None = None,
    device: str = "auto",
    backend: str = "auto",
    progress: Progress = silent,
) -> AlignmentReport:
    """Judge the alignment of two volumes in their present positions, or under a transform.

    transform: maps fixed-space points to moving-space points (RAS mm); applied first.
    mask: on any grid, nonzero where to judge. inverse: of the transform, to measure consistency.
    tolerance_mm: mean error above which a pair is misaligned; by default the calibrated one.
    between_people: the images show two people, whose anatomy differs: the transform may bend more.
    landmarks: matching points, (N, 3) RAS mm each, fixed and moving; labels: label volumes; both
    only fill the TG-132 table. device: "auto", "cpu", "cuda"; backend: "auto", "openvino",
    "torch". Raises InputError for inputs that cannot be judged at all; an overlap or evidence too
    small for a verdict gives the verdict "cannot_tell" instead.
    """
    watch = Stopwatch()
    calibration = load_calibration(WEIGHTS / "calibration.json")
    tolerance = calibration.tolerance(tolerance_mm)
    with watch.stage("inputs"):
        warnings = _require_inputs(fixed, moving, transform)
        judged = None if mask is None else require_mask(mask, fixed.grid)
        drawn = _drawn_by_hand(transform, landmarks, labels)
    progress("preparing", 0.05)
    with watch.stage("preparation"):
        pair = prepare_pair(fixed, moving, transform, judged)
    progress("loading the networks", 0.2)
    with watch.stage("start-up"):
        engine = choose_engine(device, backend=backend)
    if pair.obstacle:
        scored, verdict = None, cannot_tell(pair.obstacle)
    else:
        scored = score(pair, engine, calibration, tolerance, watch, progress)
        verdict = decide(scored, calibration, tolerance)
        release_buffers(engine)
    progress("measuring the transform", 0.9)
    with watch.stage("field"):
        plausibility = _plausibility(pair, transform, inverse, warnings, between_people)
    verdict = verdict.with_field(plausibility)
    with watch.stage("similarity"):
        similarity = similarity_measures(pair.fixed, pair.moved, pair.body)
    progress("drawing the error map", 0.95)
    with watch.stage("error map"):
        shown = _map(pair, scored)
    return AlignmentReport(
        verdict=verdict.word,
        reason=verdict.reason,
        probability_misaligned=verdict.probability,
        error_mm=verdict.error,
        axes=axis_scores(pair, scored, calibration, tolerance),
        overlap=pair.overlap,
        field=plausibility,
        tg132=tg132_table(fixed.grid, plausibility, moving_grid=moving.grid, **drawn),
        similarity=similarity,
        timing_s={**watch.seconds, "total": round(sum(watch.seconds.values()), 4)},
        provenance=_provenance(
            fixed,
            moving,
            engine_name(engine),
            {"device": device, "tolerance_mm": tolerance, "between_people": between_people},
            warnings,
        ),
        fixed=pair.fixed,
        moved=pair.moved,
        error_map=shown,
        displacement=None if transform is None else to_displacement(transform, fixed.grid),
        tolerance_mm=tolerance,
    )


def engine_name(engine: object) -> str:
    """What an engine calls itself in the provenance."""
    return str(getattr(engine, "name", type(engine).__name__))


def _require_inputs(fixed: Volume, moving: Volume, transform: Transform | None) -> list[str]:
    for volume in (fixed, moving):
        require_image_content(volume)
    if transform is None:
        return []
    return list(require_plausible_transform(transform, fixed.grid, moving.grid) or [])


def _plausibility(
    pair: PreparedPair,
    transform: Transform | None,
    inverse: Transform | None,
    warnings: list[str],
    between_people: bool,
) -> dict[str, Any] | None:
    if transform is None:
        return None
    result = assess_field(
        transform, pair.fixed.grid, pair.body, inverse=inverse, between_people=between_people
    )
    return {**result, "warnings": warnings}


def _map(pair: PreparedPair, scored: Scored | None) -> Volume | None:
    if scored is None:
        return None
    array = error_map(
        scored.measurement, pair.body, scored.scale, scored.mismatch, scored.moved_slices
    )
    return Volume(array, pair.fixed.affine, "error map")


def _drawn_by_hand(
    transform: Transform | None,
    landmarks: tuple[ArrayLike, ArrayLike] | None,
    labels: tuple[Volume, Volume] | None,
) -> dict[str, Any]:
    """What landmarks and contours say, for the TG-132 table."""
    measured: dict[str, Any] = {}
    if landmarks is not None:
        measured["landmarks_tre"] = target_registration_error(*landmarks, transform)
    if labels is not None:
        measured["dice"], measured["mda"] = contour_agreement(*labels, transform)
    return measured


def _provenance(
    fixed: Volume,
    moving: Volume,
    engine: str,
    options: dict[str, Any],
    warnings: list[str],
) -> dict[str, Any]:
    from importlib.metadata import PackageNotFoundError, version

    versions = {"RegQC": __version__, "python": platform.python_version()}
    for package in ("numpy", "scipy", "SimpleITK", "openvino", "torch"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "versions": versions,
        "models": model_hashes(),
        "engine": engine,
        "options": options,
        "inputs": {"fixed": image_identity(fixed), "moving": image_identity(moving)},
        "warnings": warnings,
    }


def image_identity(volume: Volume) -> dict[str, Any]:
    """What tells one image from another in the provenance of a report."""
    array: NDArray[Any] = np.ascontiguousarray(volume.array)
    return {
        "name": volume.name,
        "shape": list(volume.shape),
        "spacing_mm": [round(float(s), 4) for s in volume.spacing],
        "voxels_sha256": hashlib.sha256(array.tobytes()).hexdigest()[:16],
    }
