"""Flagged slices as a segmentation: one segment a plane, where the body was judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import slicer
import vtk
from slicer.i18n import tr as _

from RegQCLib.geometry.grid import PLANE_NAMES
from RegQCScene.slice_table import COLORS

FILL_OPACITY = 0.25
"""The image must stay readable below a marked slice."""


def updateFlaggedSlices(node: Any, errorMap: Any, flagged: Mapping[str, Any]) -> None:
    """Fill a segmentation node with the flagged slices of each plane; none where none is flagged.

    errorMap: volume node on the fixed grid. flagged: see `result_images.ResultImages`.
    """
    if node.GetDisplayNode() is None:
        node.CreateDefaultDisplayNodes()
        node.GetDisplayNode().SetOpacity2DFill(FILL_OPACITY)
        node.GetDisplayNode().SetVisibility3D(False)
    node.SetReferenceImageGeometryParameterFromVolumeNode(errorMap)
    matrix = vtk.vtkMatrix4x4()
    errorMap.GetIJKToRASMatrix(matrix)
    segmentation = node.GetSegmentation()
    for plane in PLANE_NAMES:
        if segmentation.GetSegment(plane) is not None:
            segmentation.RemoveSegment(plane)
        if plane not in flagged:
            continue
        image = slicer.vtkOrientedImageData()
        image.ShallowCopy(flagged[plane])
        image.SetGeometryFromImageToWorldMatrix(matrix)
        segment = slicer.vtkSegment()
        segment.SetName(_("flagged {plane} slices").format(plane=plane))
        segment.SetColor(*COLORS[plane])
        segment.AddRepresentation("Binary labelmap", image)
        segmentation.AddSegment(segment, plane)
