"""The result of a check as standard nodes, in one folder, found again after the scene was saved.

The text node with report.json is the root: it refers to the pair and to the other nodes of its
result. The parameter node points to the result of the pair that is chosen.
"""

from __future__ import annotations

from typing import Any

import slicer
from slicer.i18n import tr as _

from RegQCLib.errors import InputError
from RegQCScene.check_result import CheckResult
from RegQCScene.error_map_node import updateErrorMap
from RegQCScene.flagged_segmentation import updateFlaggedSlices
from RegQCScene.folders import folderOf, newFolder, putIntoFolder, removeFolder
from RegQCScene.slice_table import updatePlot, updateTable
from RegQCScene.volume_exchange import gridFromNode

PAIR = ("fixedVolume", "movingVolume")
RESULTS = {
    "errorMap": ("vtkMRMLScalarVolumeNode", "Error map"),
    "flaggedSlices": ("vtkMRMLSegmentationNode", "Flagged slices"),
    "sliceTable": ("vtkMRMLTableNode", "Slice scores"),
    "slicePlot": ("vtkMRMLPlotChartNode", "Slice plot"),
}
"""Field of `RegQCParameters`, also the reference role -> class and name of the node."""

ROOT = "reportText"
ROLE = "RegQC."


def storeResult(parameters: Any, result: CheckResult, errorMapImage: Any) -> CheckResult:
    """Make or update the nodes of the chosen pair's result; returns it with the fixed grid.

    errorMapImage: vtkImageData on the fixed grid, mm, or None where the check could not tell.
    Nodes of an earlier check of the same pair are used again.
    """
    fixed, moving = (getattr(parameters, role) for role in PAIR)
    result = CheckResult(result.report, gridFromNode(fixed), result.folder)
    with slicer.util.RenderBlocker():
        root = resultRoot(fixed, moving) or _newRoot(fixed, moving)
        folder = _folder(root, fixed, moving)
        root.SetText(result.text)
        _store(parameters, ROOT, root)
        wanted = set(RESULTS) if errorMapImage is not None else {"sliceTable", "slicePlot"}
        for role in RESULTS:
            if role not in wanted:
                _remove(root, role)
        nodes = {role: _node(root, role, folder) for role in RESULTS if role in wanted}
        updateTable(nodes["sliceTable"], result, parameters.axis)
        updatePlot(nodes["slicePlot"], result, folder)
        if errorMapImage is not None:
            updateErrorMap(nodes["errorMap"], errorMapImage, result, folder)
            updateFlaggedSlices(nodes["flaggedSlices"], nodes["errorMap"], result, fixed)
        for role in RESULTS:
            _store(parameters, role, nodes.get(role))
    return result


def loadResult(parameters: Any) -> CheckResult | None:
    """Return the result of the chosen pair that lies in the scene, or None.

    The parameter node then points to its nodes, or to none.
    """
    fixed, moving = (getattr(parameters, role) for role in PAIR)
    root = None if fixed is None or moving is None else resultRoot(fixed, moving)
    result = None
    if root is not None:
        try:
            result = CheckResult.fromText(root.GetText() or "", gridFromNode(fixed))
        except InputError:  # the text was edited, or a volume has lost its voxels
            root = None
    _store(parameters, ROOT, root)
    for role in RESULTS:
        _store(parameters, role, root and root.GetNodeReference(ROLE + role))
    return result


def removeResult(parameters: Any) -> None:
    """Remove the nodes of the chosen pair's result, and their folder."""
    fixed, moving = (getattr(parameters, role) for role in PAIR)
    root = None if fixed is None or moving is None else resultRoot(fixed, moving)
    if root is not None:
        removeFolder(folderOf(root))
    loadResult(parameters)


def resultRoot(fixed: Any, moving: Any) -> Any:
    """Return the text node that holds the report on a pair of volumes, or None."""
    for node in slicer.util.getNodesByClass("vtkMRMLTextNode"):
        pair = [node.GetNodeReferenceID(ROLE + role) for role in PAIR]
        if pair == [fixed.GetID(), moving.GetID()]:
            return node
    return None


def resultFolder(fixed: Any, moving: Any) -> int:
    """Return the subject hierarchy item of a pair's results; 0 where there are none.

    Other nodes that belong to the pair (working transform, landmarks) may go there as well.
    """
    root = resultRoot(fixed, moving)
    return 0 if root is None else folderOf(root)


def _newRoot(fixed: Any, moving: Any) -> Any:
    root = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", _("RegQC report"))
    for role, node in zip(PAIR, (fixed, moving), strict=True):
        root.SetNodeReferenceID(ROLE + role, node.GetID())
    return root


def _folder(root: Any, fixed: Any, moving: Any) -> int:
    """Return the folder that ``root`` lies in; a new one where it lies in none."""
    folder = folderOf(root) or newFolder(f"RegQC: {fixed.GetName()} / {moving.GetName()}")
    putIntoFolder(root, folder)
    return folder


def _node(root: Any, role: str, folder: int) -> Any:
    """Return the node of a role; a new one where it is missing."""
    node = root.GetNodeReference(ROLE + role)
    if node is None:
        className, name = RESULTS[role]
        node = slicer.mrmlScene.AddNewNodeByClass(className, f"RegQC {name.lower()}")
        root.SetNodeReferenceID(ROLE + role, node.GetID())
        putIntoFolder(node, folder)
    return node


def _remove(root: Any, role: str) -> None:
    node = root.GetNodeReference(ROLE + role)
    if node is not None:
        slicer.mrmlScene.RemoveNode(node)


def _store(parameters: Any, role: str, node: Any) -> None:
    if getattr(parameters, role) is not node:
        setattr(parameters, role, node)
