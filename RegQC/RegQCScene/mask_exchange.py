"""Masks chosen by a user, label maps or segmentations, as volumes in world space."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk

from RegQCLib.errors import InputError
from RegQCLib.geometry.volume import Volume
from RegQCScene.volume_exchange import imageArray, labelVolumeFromNode, parentToWorld

LABEL_MAP = "Binary labelmap"
"""Name of the representation, as in vtkSegmentationConverter."""


def maskFromNode(node: Any, segmentId: str = "", reference: Any = None) -> Volume:
    """Return where a mask is not zero, in world space, on the mask's own grid.

    node: label map or other scalar volume, or segmentation. segmentId: one segment of it; by
    default all of them together. reference: volume node whose voxels a segment that exists only
    as a surface is cut into. The node is not changed.
    Raises InputError for another kind of node, an unknown segment, an empty segmentation, or a
    non-linear transform above it.
    """
    if node is not None and node.IsA("vtkMRMLSegmentationNode"):
        return _segments(node, segmentId, reference)
    return labelVolumeFromNode(node)


def _segments(node: Any, segmentId: str, reference: Any) -> Volume:
    segmentation, name = node.GetSegmentation(), node.GetName()
    known = list(segmentation.GetSegmentIDs())
    if segmentId and segmentId not in known:
        raise InputError(f"{name}: has no segment {segmentId}; choose one of its segments")
    if not known:
        raise InputError(f"{name}: holds no segment; draw the region to check")
    copy = _copied(segmentation, [segmentId] if segmentId else known)
    if not copy.ContainsRepresentation(LABEL_MAP) and not _converted(copy, reference):
        raise InputError(f"{name}: cannot be made a label map; export it to one first")
    merged = slicer.vtkOrientedImageData()
    copy.GenerateMergedLabelmap(merged, _EXTENT_OF_ALL)
    if merged.GetNumberOfPoints() == 0:
        raise InputError(f"{name}: is empty; draw the region to check")
    toSegmentation = vtk.vtkMatrix4x4()
    merged.GetImageToWorldMatrix(toSegmentation)
    affine = slicer.util.arrayFromVTKMatrix(toSegmentation)
    affine[:3, 3] += affine[:3, :3] @ np.array(merged.GetExtent()[::2])
    label = copy.GetSegment(segmentId).GetName() if segmentId else name
    return Volume(imageArray(merged) != 0, parentToWorld(node) @ affine, label)


_EXTENT_OF_ALL = slicer.vtkSegmentation.EXTENT_UNION_OF_EFFECTIVE_SEGMENTS


def _copied(segmentation: Any, segmentIds: list[str]) -> Any:
    """Copy segments into a segmentation of its own, which may be converted."""
    copy = slicer.vtkSegmentation()
    copy.SetSourceRepresentationName(segmentation.GetSourceRepresentationName())
    for one in segmentIds:
        copy.CopySegmentFromSegmentation(segmentation, one)
    return copy


def _converted(segmentation: Any, reference: Any) -> bool:
    """Cut surfaces into the voxels of a volume node, which lies in the same space."""
    if reference is not None:
        converter = slicer.vtkSegmentationConverter
        image = slicer.vtkOrientedImageData()
        image.SetExtent(reference.GetImageData().GetExtent())
        matrix = vtk.vtkMatrix4x4()
        reference.GetIJKToRASMatrix(matrix)
        image.SetGeometryFromImageToWorldMatrix(matrix)
        geometry = converter.SerializeImageGeometry(image)
        segmentation.SetConversionParameter(
            converter.GetReferenceImageGeometryParameterName(), geometry
        )
    return bool(segmentation.CreateRepresentation(LABEL_MAP))
