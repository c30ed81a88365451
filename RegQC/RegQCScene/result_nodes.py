"""The result of a check as standard nodes, in one folder, found again after the scene was saved.

The text node with report.json is the root: it refers to the pair and to the other nodes of its
result. The parameter node points to the result of the pair that is chosen.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import slicer
from slicer.i18n import tr as _

from RegQCLib.errors import InputError
from RegQCScene.check_result import CheckResult
from RegQCScene.error_map_node import updateErrorMap
from RegQCScene.flagged_segmentation import updateFlaggedSlices
from RegQCScene.folders import folderOf, newFolder, putIntoFolder, removeFolder
from RegQCScene.result_images import ResultImages
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


def storeResult(
    fixed: Any, moving: Any, result: CheckResult, images: ResultImages | None
) -> CheckResult:
    """Make or update the nodes of a pair's result; returns it with the fixed grid and the nodes.

    images: on the fixed grid; None where the check could not tell.
    Nodes of an earlier check of the same pair are used again; `loadResult` shows them to panels.
    """
    grid = gridFromNode(fixed)
    with slicer.util.RenderBlocker():
        root = resultRoot(fixed, moving) or _newRoot(fixed, moving)
        root.SetText(result.text)
        folder = _folder(root, fixed, moving)
        wanted = list(RESULTS) if images is not None else ["sliceTable", "slicePlot"]
        for role in set(RESULTS).difference(wanted):
            _remove(root, role)
        nodes = {role: _node(root, role, folder) for role in wanted}
        updateTable(nodes["sliceTable"], result)
        updatePlot(nodes["slicePlot"], result, folder)
        if images is not None:
            updateErrorMap(nodes["errorMap"], images.errorMap, grid, result, folder)
            updateFlaggedSlices(nodes["flaggedSlices"], nodes["errorMap"], images.flagged)
    return replace(result, grid=grid, nodes={ROOT: root, **nodes})


def loadResult(parameters: Any) -> CheckResult | None:
    """Return the result of the chosen pair that lies in the scene, or None.

    The parameter node (`RegQCParameters`) then points to its nodes, or to none.
    """
    fixed, moving = (getattr(parameters, role) for role in PAIR)
    result = None
    root = resultRoot(fixed, moving)
    if root is not None:
        nodes = {role: root.GetNodeReference(ROLE + role) for role in RESULTS}
        nodes = {ROOT: root, **{role: node for role, node in nodes.items() if node is not None}}
        try:
            found = CheckResult.fromText(root.GetText() or "", gridFromNode(fixed))
            result = replace(found, nodes=nodes)
        except InputError:  # the text was edited, or a volume has lost its voxels
            result = None
    for role in (ROOT, *RESULTS):
        node = None if result is None else result.nodes.get(role)
        if getattr(parameters, role) is not node:
            setattr(parameters, role, node)
    return result


def removeResult(fixed: Any, moving: Any) -> None:
    """Remove the nodes of a pair's result, and their folder with all that is in it."""
    folder = resultFolder(fixed, moving)
    if folder:
        removeFolder(folder)


def resultRoot(fixed: Any, moving: Any) -> Any:
    """Return the text node that holds the report on a pair of volumes, or None."""
    if fixed is None or moving is None:
        return None
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
