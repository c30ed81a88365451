"""Landmarks and the box of a case on disk, in Slicer's own files of markups.

Landmarks are kept in the space of the image that they were placed on, the box in the world.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import slicer
import vtk

from RegQCLib.errors import InputError
from RegQCLib.geometry.atomic_file import atomic_file
from RegQCScene.landmark_pairs import startLandmarks
from RegQCScene.node_removal import removeNode
from RegQCScene.roi_mask import addRoi

FILES = {
    "fixedLandmarks": "landmarks_fixed.mrk.json",
    "movingLandmarks": "landmarks_moving.mrk.json",
    "roi": "box.mrk.json",
}
"""Field of `RegQCParameters` -> file in the case's folder."""

VOLUMES = {"fixedLandmarks": "fixedVolume", "movingLandmarks": "movingVolume"}


def saveMarkups(parameters: Any, folder: Path) -> None:
    """Write what was placed for the chosen pair; a file of what is gone is removed.

    Raises InputError when the folder cannot be written.
    """
    for role, name in FILES.items():
        node, file = getattr(parameters, role), folder / name
        if node is None or node.GetNumberOfControlPoints() == 0:
            file.unlink(missing_ok=True)
            continue
        copy = _copyInPlace(node, getattr(parameters, VOLUMES.get(role, ""), None))
        storage = node.CreateDefaultStorageNode()
        with atomic_file(file) as temporary:
            storage.SetFileName(str(temporary))
            if not storage.WriteData(copy):
                raise InputError(f"{file}: cannot be written; choose another output folder")


def restoreMarkups(parameters: Any, folder: Path) -> None:
    """Bring back what was placed for the pair that was just loaded.

    Raises InputError for a damaged file.
    """
    saved = {role: folder / name for role, name in FILES.items() if (folder / name).exists()}
    for file in saved.values():
        _requireMarkups(file)
    if not saved.keys().isdisjoint(VOLUMES):
        startLandmarks(parameters)
    if "roi" in saved:
        addRoi(parameters)
    for role, file in saved.items():
        node = getattr(parameters, role)
        storage = node.CreateDefaultStorageNode()
        storage.SetFileName(str(file))
        storage.ReadData(node)


def removeMarkups(parameters: Any) -> None:
    """Take the landmarks and the box of the chosen pair out of the scene."""
    nodes = [getattr(parameters, role) for role in FILES]
    forgetMarkups(parameters)
    for node in filter(None, nodes):
        removeNode(node)


def forgetMarkups(parameters: Any) -> None:
    """Choose no landmarks and no box; those that are there stay in the scene."""
    for role in FILES:
        setattr(parameters, role, None)
    parameters.registerInRoi = False


def _copyInPlace(node: Any, volume: Any) -> Any:
    """Return a copy outside the scene, in the space of a volume's own points, or of the world."""
    copy = node.CreateNodeInstance()
    copy.CopyContent(node)
    above = None if volume is None else volume.GetParentTransformNode()
    if node.GetParentTransformNode() is not above:
        way = vtk.vtkGeneralTransform()
        between = slicer.vtkMRMLTransformNode.GetTransformBetweenNodes
        between(node.GetParentTransformNode(), above, way)
        copy.ApplyTransform(way)
    return copy


def _requireMarkups(file: Path) -> None:
    """Slicer's own reader would only print what is wrong."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))["markups"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file}: is damaged; delete it and place the points again") from error
    if not isinstance(found, list) or not found:
        raise InputError(f"{file}: holds no points; delete it and place them again")
