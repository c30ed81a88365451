"""A map of a transform as a volume node, laid over the images."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import slicer
from numpy.typing import NDArray
from slicer.i18n import tr as _

from RegQCLib.report.colors import ERROR, FOLDED, VOLUME_CHANGE, colored
from RegQCScene.display.field_map import FieldMap, MapKind, fieldMapSteps, mapGrid
from RegQCScene.folders import putIntoFolder
from RegQCScene.result_nodes import resultFolder
from RegQCScene.step_generators import scaled
from RegQCScene.transform_exchange import fixedToMovingSteps
from RegQCScene.volume_exchange import gridFromNode, imageData, updateNode

COLORS = 256
JACOBIAN_LIMIT = 2.0
"""Doubled volume at the upper end of the colors; half of it is as far from 1 at the lower."""
NO_LENGTH_MM = 0.05
NAMES = {MapKind.JACOBIAN: _("Jacobian determinant"), MapKind.MAGNITUDE: _("Displacement (mm)")}


def updateFieldMap(node: Any, result: FieldMap, fixed: Any, moving: Any) -> Any:
    """Put a map into a volume node, a new one for None, in the folder of the pair's results."""
    if node is None:
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
        node.CreateDefaultDisplayNodes()
    node.SetName(f"RegQC: {NAMES[result.kind]}, {moving.GetName()}")
    updateNode(node, imageData(result.values), result.grid.affine)
    folder = resultFolder(fixed, moving)
    putIntoFolder(node, folder)
    display = node.GetDisplayNode()
    colors, (low, high) = _colors(result)
    with slicer.util.NodeModify(display):
        display.SetAndObserveColorNodeID(_colorNode(display, colors, folder).GetID())
        display.AutoWindowLevelOff()
        display.SetWindowLevelMinMax(low, high)
        display.AutoThresholdOff()
        display.SetInterpolate(result.kind is MapKind.MAGNITUDE)  # a fold is one voxel, not a spot
    showAll(node, result)
    return node


def showAll(node: Any, result: FieldMap) -> None:
    """Show the whole map; a displacement of nothing is clear."""
    lowest = NO_LENGTH_MM if result.kind is MapKind.MAGNITUDE else -1e30
    _threshold(node, lowest, 1e30)


def showFoldedOnly(node: Any) -> None:
    """Show the folded voxels of a Jacobian determinant alone."""
    _threshold(node, -1e30, 0.0)


def _threshold(node: Any, low: float, high: float) -> None:
    display = node.GetDisplayNode()
    with slicer.util.NodeModify(display):
        display.SetThreshold(low, high)
        display.ApplyThresholdOn()


def _colors(result: FieldMap) -> tuple[NDArray[Any], tuple[float, float]]:
    """Return (COLORS, 3) bytes, and the values of the first and the last one."""
    if result.kind is MapKind.MAGNITUDE:
        finite = result.values[np.isfinite(result.values)]
        longest = float(finite.max()) if finite.size else 0.0
        return colored(np.linspace(0, 1, COLORS), ERROR), (0.0, max(longest, 1.0))
    step = JACOBIAN_LIMIT / (COLORS - 1)
    determinants = np.maximum(np.arange(COLORS), 0.5) * step
    colors = colored((np.log2(determinants) + 1) / 2, VOLUME_CHANGE)
    colors[0] = FOLDED
    return colors, (-0.5 * step, JACOBIAN_LIMIT)


def _colorNode(display: Any, colors: NDArray[Any], folder: int) -> Any:
    """Return the node's own color table, filled anew."""
    node = display.GetColorNode()
    if node is None or node.GetAttribute("RegQC.colors") != "field":
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLColorTableNode", _("RegQC field colors"))
        node.SetTypeToUser()
        node.SetAttribute("RegQC.colors", "field")
        node.SetNumberOfColors(COLORS)
        putIntoFolder(node, folder)
    with slicer.util.NodeModify(node):
        for number, rgb in enumerate(colors / 255.0):
            node.SetColor(number, str(number), *(float(part) for part in rgb), 1.0)
    return node


def pairMapSteps(pair: tuple[Any, Any, Any], kind: MapKind) -> Generator[float, None, FieldMap]:
    """Compute a map of (fixed volume, moving volume, transform or None); yields the fraction done.

    Raises InputError as `fixedToMoving` does.
    """
    fixed, moving, chosen = pair
    reading = fixedToMovingSteps(fixed, moving, chosen)
    transform = yield from scaled(reading, 0.0, 0.5)
    steps = fieldMapSteps(transform, mapGrid(transform, gridFromNode(fixed)), kind)
    return (yield from scaled(steps, 0.5, 1.0))
