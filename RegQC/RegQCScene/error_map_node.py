"""The error map as a volume that is laid over the images, colored in mm."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
from slicer.i18n import tr as _

from RegQCLib.geometry.grid import Grid
from RegQCLib.report.colors import ERROR, colored
from RegQCScene.check_result import CheckResult
from RegQCScene.folders import putIntoFolder
from RegQCScene.parameters import TOLERANCE_MM
from RegQCScene.volume_exchange import updateNode

COLORS = 256
SHOWN_TOLERANCES = 4.0
"""Tolerances at the end of the color scale: the same before and after a correction."""

CLEAR_TOLERANCES = 0.5
"""Smaller errors are left clear, so that the anatomy is seen where all is well."""


def updateErrorMap(node: Any, image: Any, grid: Grid, result: CheckResult, folder: int) -> None:
    """Fill a volume node with the error map (mm, -1 where nothing was judged) and color it.

    image: vtkImageData on ``grid``, the fixed one. folder: of the subject hierarchy.
    """
    node.SetDescription(
        _("Estimated misalignment in mm on the fixed volume's voxels; -1: not judged")
    )
    display = node.GetDisplayNode() or _newDisplay(node)
    with slicer.util.NodeModify(display):
        display.SetAndObserveColorNodeID(_colorNode(display, folder).GetID())
        display.AutoWindowLevelOff()
        display.SetWindowLevelMinMax(0.0, colorLimitMm(result))
        display.AutoThresholdOff()
        display.SetThreshold(clearBelowMm(result), 1e6)
        display.ApplyThresholdOn()
    updateNode(node, image, grid.affine)


def _newDisplay(node: Any) -> Any:
    """Add a display node that does not look for a window of its own: that takes seconds."""
    display = slicer.vtkMRMLScalarVolumeDisplayNode()
    display.AutoWindowLevelOff()
    display = slicer.mrmlScene.AddNode(display)
    node.SetAndObserveDisplayNodeID(display.GetID())
    return display


def colorLimitMm(result: CheckResult) -> float:
    """Error in mm at the end of the color scale."""
    return SHOWN_TOLERANCES * (result.toleranceMm or TOLERANCE_MM)


def clearBelowMm(result: CheckResult) -> float:
    """Error in mm from which on the map is colored."""
    return CLEAR_TOLERANCES * (result.toleranceMm or TOLERANCE_MM)


def _colorNode(display: Any, folder: int) -> Any:
    """Return the color table of an error map; it is made once and saved with the scene."""
    node = display.GetColorNode()
    if node is not None and node.GetAttribute("RegQC.colors") == "error":
        return node
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLColorTableNode", _("RegQC error (mm)"))
    node.SetTypeToUser()
    node.SetAttribute("RegQC.colors", "error")
    node.SetNumberOfColors(COLORS)
    for number, rgb in enumerate(colored(np.linspace(0, 1, COLORS), ERROR) / 255.0):
        node.SetColor(number, str(number), *rgb, 1.0)
    putIntoFolder(node, folder)
    return node
