"""Masks chosen by a user, label maps or segmentations, as volumes in world space."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.resample import resample
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
    chosen = [segmentId] if segmentId else known
    copy = _copied(segmentation, chosen)
    if not copy.ContainsRepresentation(LABEL_MAP) and not _converted(copy, reference):
        raise InputError(f"{name}: cannot be made a label map; export it to one first")
    toWorld = parentToWorld(node)
    parts = [_marks(copy.GetSegment(one), toWorld) for one in chosen]
    drawn = [part for part in parts if part is not None]
    if not drawn:
        raise InputError(f"{name}: is empty; draw the region to check")
    label = copy.GetSegment(segmentId).GetName() if segmentId else name
    return replace(_united(drawn), name=label)


def _marks(segment: Any, toWorld: NDArray[np.float64]) -> Volume | None:
    """Return the voxels of one segment; None for one that is empty."""
    image = segment.GetRepresentation(LABEL_MAP)
    if image is None or image.GetNumberOfPoints() == 0:
        return None
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    affine = slicer.util.arrayFromVTKMatrix(matrix)
    affine[:3, 3] += affine[:3, :3] @ np.array(image.GetExtent()[::2])
    # several segments may share an image
    return Volume(imageArray(image) == segment.GetLabelValue(), toWorld @ affine)


def _united(parts: list[Volume]) -> Volume:
    """Unite masks on the voxels of the first, which reach as far as all of them."""
    if len(parts) == 1:
        return parts[0]
    lattice = parts[0].grid
    corners = np.concatenate([_corners(part.grid) for part in parts])
    indices = lattice.to_index(corners)
    first = np.floor(indices.min(axis=0) + 1e-3)
    count = np.ceil(indices.max(axis=0) - 1e-3) - first + 1
    affine = lattice.affine.copy()
    affine[:3, 3] = lattice.to_world(first)
    grid = Grid((int(count[2]), int(count[1]), int(count[0])), affine)
    marks = np.zeros(grid.shape, dtype=bool)
    for part in parts:
        marks |= resample(part, grid, interpolation="nearest").array
    return Volume(marks, affine)


def _corners(grid: Grid) -> NDArray[np.float64]:
    far = np.array(grid.shape[::-1]) - 1
    return grid.to_world(np.array(np.meshgrid(*[(0, n) for n in far])).reshape(3, -1).T)


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
