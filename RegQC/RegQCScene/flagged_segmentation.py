"""Flagged slices as a segmentation: one segment a plane, where the body was judged."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

from RegQCLib.geometry.grid import PLANE_NAMES, Grid
from RegQCScene.check_result import CheckResult
from RegQCScene.slice_table import COLORS
from RegQCScene.volume_exchange import emptyImage, imageArray

FILL_OPACITY = 0.25
"""The image must stay readable below a marked slice."""


def updateFlaggedSlices(node: Any, errorMap: Any, result: CheckResult, grid: Grid) -> None:
    """Fill a segmentation node with the flagged slices of each plane; none where none is flagged.

    errorMap: volume node on ``grid``, the fixed one, 0 or more where something was judged.
    """
    if node.GetDisplayNode() is None:
        node.CreateDefaultDisplayNodes()
        node.GetDisplayNode().SetOpacity2DFill(FILL_OPACITY)
        node.GetDisplayNode().SetVisibility3D(False)
    node.SetReferenceImageGeometryParameterFromVolumeNode(errorMap)
    judged = imageArray(errorMap.GetImageData())
    matrix = vtk.vtkMatrix4x4()
    errorMap.GetIJKToRASMatrix(matrix)
    segmentation = node.GetSegmentation()
    for plane in PLANE_NAMES:
        if segmentation.GetSegment(plane) is not None:
            segmentation.RemoveSegment(plane)
        indices = sorted(one.index for _name, one in result.flagged(plane))
        if not indices:
            continue
        image = _marked(judged, grid.array_axis(plane), indices, matrix)
        segment = slicer.vtkSegment()
        segment.SetName(_("flagged {plane} slices").format(plane=plane))
        segment.SetColor(*COLORS[plane])
        segment.AddRepresentation("Binary labelmap", image)
        segmentation.AddSegment(segment, plane)


def _marked(judged: Any, axis: int, indices: list[int], matrix: Any) -> Any:
    """Return vtkOrientedImageData with 1 on the judged voxels of some slices, else 0.

    It reaches from the first to the last of them only.
    """
    first, last = indices[0], indices[-1]
    box = [slice(None)] * 3
    box[axis] = slice(first, last + 1)
    part = judged[tuple(box)]
    plain = emptyImage(part.shape, np.uint8)
    chosen = np.zeros(last - first + 1, dtype=np.uint8)
    chosen[np.array(indices) - first] = 1
    others = [n for n in range(3) if n != axis]
    # in the order of memory: slices across the last axis, one by one, take a second
    for layer, values, wanted in zip(
        imageArray(plain),
        part,
        np.broadcast_to(np.expand_dims(chosen, others), part.shape),
        strict=True,
    ):
        np.greater_equal(values, 0, out=layer.view(np.bool_))
        np.multiply(layer, wanted, out=layer)
    extent = [0, part.shape[2] - 1, 0, part.shape[1] - 1, 0, part.shape[0] - 1]
    column = 2 * (2 - axis)
    extent[column : column + 2] = [first, last]
    result = slicer.vtkOrientedImageData()
    result.ShallowCopy(plain)
    result.SetExtent(extent)
    result.SetGeometryFromImageToWorldMatrix(matrix)
    return result
