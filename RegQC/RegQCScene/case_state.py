"""What a case of a worklist leaves on disk: result, decisions, correction, landmarks, box.

`RegQCLib.batch.case_folder` says where it lies and whether it still fits the inputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import slicer

from RegQCLib.batch.case_folder import CaseFolder
from RegQCLib.errors import InputError
from RegQCLib.geometry.atomic_file import atomic_file
from RegQCLib.geometry.volume import Volume
from RegQCLib.outputs import output_folder
from RegQCLib.report.saved_report import REPORT_FILE, error_map_file
from RegQCScene.case_markups import restoreMarkups, saveMarkups
from RegQCScene.check_result import CheckResult
from RegQCScene.decisions import CHECKED, decisionsOf, storeDecisions
from RegQCScene.error_map_file import errorMapSteps, withGaps
from RegQCScene.job import Event
from RegQCScene.raw_image_file import volumeSteps
from RegQCScene.result_images import resultImageSteps
from RegQCScene.result_nodes import loadResult, resultRoot, storeResult
from RegQCScene.transform_file import fileTransform
from RegQCScene.volume_exchange import gridFromNode
from RegQCScene.working_transform import (
    WorkingState,
    deformationOf,
    restoreState,
    startWorking,
    workingTransformOf,
)

DEFORMATION_FILE = "correction_deformation.h5"
ERROR_MAP_FILE = "error_map.mha"
KEPT = ("checked", "correction", "register_in_roi")
"""What ``case.json`` holds besides what `CaseFolder.save` writes."""


def saveCaseSteps(session: Any, folder: CaseFolder, key: dict[str, Any]) -> Iterator[None]:
    """Write all that is known of the chosen pair, in short steps.

    key: `RegQCLib.batch.case_folder.input_key` of the case. Raises InputError when the folder
    cannot be written.
    """
    parameters, result = session.parameters, session.result
    decisions = decisionsOf(parameters)
    root = resultRoot(parameters.fixedVolume, parameters.movingVolume)
    checked = None if root is None else root.GetAttribute(CHECKED)
    kept = checked, _correction(parameters.movingVolume), parameters.registerInRoi
    report = None if result is None else result.report
    folder.save(key, report, decisions, dict(zip(KEPT, kept, strict=True)))
    _saveDeformation(parameters.movingVolume, folder.path)
    saveMarkups(parameters, folder.path)
    if result is not None and not _isSaved(folder, result):
        yield from _saveCheckSteps(parameters, result, folder.check)


def restoreCaseSteps(session: Any, folder: CaseFolder) -> Iterator[Event | None]:
    """Bring back what is on disk for the pair that was just loaded, in short steps.

    Raises InputError when it is damaged; what could be read has come back then.
    """
    parameters, state = session.parameters, folder.state()
    fixed, moving = parameters.fixedVolume, parameters.movingVolume
    correction = state.get("correction")
    if correction is not None:
        working = startWorking(parameters)
        saved = folder.path / DEFORMATION_FILE
        deformation = fileTransform(saved) if saved.exists() else None
        restoreState(working, WorkingState(np.array(correction), deformation))
    restoreMarkups(parameters, folder.path)
    parameters.registerInRoi = bool(state.get("register_in_roi"))
    if not (folder.check / REPORT_FILE).exists():
        return
    grid = gridFromNode(fixed)
    result = CheckResult.fromFolder(folder.check, grid)
    file, images = error_map_file(folder.check), None
    if file is not None:
        image = yield from errorMapSteps(file, 0.9, 1.0)
        if image.GetDimensions()[::-1] != grid.shape:
            raise InputError(f"{folder.check}: its error map is of another image; check again")
        images = yield from resultImageSteps(image, result, grid)
    storeResult(fixed, moving, result, images)
    if state.get("checked"):
        resultRoot(fixed, moving).SetAttribute(CHECKED, state["checked"])
    decisions = folder.decisions()
    if decisions.slices or decisions.case is not None:
        storeDecisions(session, decisions)
    loadResult(parameters)
    session.refreshResult()


def _isSaved(folder: CaseFolder, result: CheckResult) -> bool:
    try:
        return CheckResult.fromFolder(folder.check).report == result.report
    except InputError:
        return False


def _saveCheckSteps(parameters: Any, result: CheckResult, target: Path) -> Iterator[None]:
    with output_folder(target, overwrite=True) as staging:
        (staging / REPORT_FILE).write_text(result.text, encoding="utf-8")
        node = parameters.errorMap
        if node is not None and node.GetImageData() is not None:
            errors = Volume(slicer.util.arrayFromVolume(node), gridFromNode(node).affine)
            for _fraction in volumeSteps(errors, staging / ERROR_MAP_FILE, withGaps):
                yield


def _correction(moving: Any) -> list[list[float]] | None:
    """Return the matrix of the working transform, None where there is none."""
    working = workingTransformOf(moving)
    if working is None:
        return None
    matrix = slicer.util.vtkMatrixFromArray(np.eye(4))
    working.GetMatrixTransformToParent(matrix)
    rows: list[list[float]] = slicer.util.arrayFromVTKMatrix(matrix).tolist()
    return rows


def _saveDeformation(moving: Any, folder: Path) -> None:
    """Write the working deformation as Slicer has it; remove the file where there is none."""
    working = workingTransformOf(moving)
    deformation = None if working is None else deformationOf(working)
    file = folder / DEFORMATION_FILE
    if deformation is None:
        file.unlink(missing_ok=True)
        return
    with atomic_file(file) as temporary:
        if not slicer.util.exportNode(deformation, str(temporary)):
            raise InputError(f"{file}: cannot be written; choose another output folder")
