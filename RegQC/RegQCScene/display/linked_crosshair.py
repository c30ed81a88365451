"""The same anatomical point on the fixed image and on the moving image as it was acquired.

Some views show the moving volume in its own space, untouched by any transform. While the mouse
moves over the fixed image, they jump to the corresponding point and mark it; and the other way
round. A radiologist thus reads the original image, not a resampled one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray

from RegQCScene.display.composite_memory import CompositeMemory
from RegQCScene.display.hidden_node import hiddenNode, removeNodes
from RegQCScene.display.overlay import Overlay
from RegQCScene.display.point_mark import PointMark
from RegQCScene.display.scene_guard import SceneGuard
from RegQCScene.display.slice_view import SliceView
from RegQCScene.display.temporary_display import ownDisplay
from RegQCScene.signal import Signal
from RegQCScene.transform_exchange import worldToMoving
from RegQCScene.transform_parts import mappedPoints

Point = NDArray[np.float64]


class LinkedCrosshair:
    """Links views of the fixed image with views of the original moving image.

    moved: emitted with two points, RAS mm: on the fixed image (world) and on the original moving
    image (its own space).
    """

    def __init__(self) -> None:
        self.moved = Signal()
        self._memory = CompositeMemory()
        self._overlays: list[Overlay] = []
        self._marks: tuple[dict[Any, PointMark], ...] = ({}, {})
        self._movingViews: list[SliceView] = []
        self._original: Any = None
        self._way: Any = None
        self._pair: tuple[Any, Any, Any] = (None, None, None)
        self._observed: list[tuple[Any, int]] = []
        self._guard = SceneGuard(
            lambda: self._pair,
            suspend=self._memory.restore,
            resume=self._showOriginal,
            end=self.stop,
        )

    @property
    def active(self) -> bool:
        """Whether views are linked."""
        return self._original is not None

    def start(
        self,
        pair: tuple[Any, Any, Any],
        fixedViews: Sequence[SliceView],
        movingViews: Sequence[SliceView],
    ) -> None:
        """Link views of (fixed volume, moving volume, transform or None)."""
        self.stop()
        self._pair = pair
        moving = pair[1]
        self._original = _withoutTransform(moving)
        self._movingViews = list(movingViews)
        self._showOriginal()
        for view in movingViews:
            view.logic.FitSliceToBackground()
        self._marks = tuple(
            {view.sliceNode: self._mark(view) for view in views}
            for views in (fixedViews, movingViews)
        )
        crosshair = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
        self._observe(crosshair, crosshair.CursorPositionModifiedEvent, self._onCursor)
        event = slicer.vtkMRMLTransformableNode.TransformModifiedEvent
        self._observe(moving, event, self._onTransform)

    def stop(self) -> None:
        """Show what the views showed before."""
        for node, tag in self._observed:
            node.RemoveObserver(tag)
        self._observed.clear()
        for overlay in self._overlays:
            overlay.remove()
        self._overlays.clear()
        self._marks = ({}, {})
        self._memory.restore()
        if self._original is not None:
            removeNodes(self._original.GetDisplayNode(), self._original)
        self._original = self._way = None
        self._pair = (None, None, None)

    def close(self) -> None:
        """Stop for good."""
        self.stop()
        self._guard.close()

    def toMoving(self, point: Point) -> Point:
        """Map a point on the fixed image, RAS mm in the world, to the original moving image."""
        return mappedPoints(self._transform(), point[None])[0]

    def toFixed(self, point: Point) -> Point:
        """Map a point on the original moving image to the fixed image."""
        return mappedPoints(self._transform().GetInverse(), point[None])[0]

    def show(self, point: Point, *, onMoving: bool = False) -> None:
        """Mark a point and its partner, and let the views of the other image jump there."""
        if onMoving:
            fixedPoint, movingPoint = self.toFixed(point), point
        else:
            fixedPoint, movingPoint = point, self.toMoving(point)
        other = movingPoint if not onMoving else fixedPoint
        for node in self._marks[0 if onMoving else 1]:
            node.JumpSliceByOffsetting(*other)
        for marks, place in zip(self._marks, (fixedPoint, movingPoint), strict=True):
            for mark in marks.values():
                mark.setPoint(place)
        for overlay in self._overlays:
            overlay.view.requestRender()
        self.moved.emit(fixedPoint, movingPoint)

    def _showOriginal(self) -> None:
        if self._original is not None:
            for view in self._movingViews:
                self._memory.show(view.compositeNode, self._original, None, 0.0)

    def _mark(self, view: SliceView) -> PointMark:
        mark = PointMark(view)
        self._overlays.append(Overlay(view, mark))
        return mark

    def _transform(self) -> Any:
        if self._way is None:
            self._way = worldToMoving(self._pair[1], self._pair[2])
        return self._way

    def _observe(self, node: Any, event: int, receiver: Any) -> None:
        self._observed.append((node, node.AddObserver(event, receiver)))

    def _onTransform(self, _caller: Any, _event: str) -> None:
        self._way = None

    def _onCursor(self, crosshair: Any, _event: str) -> None:
        point, pixel = [0.0] * 3, [0.0] * 3
        if not crosshair.GetCursorPositionRAS(point):
            return
        node = crosshair.GetCursorPositionXYZ(pixel)
        for onMoving, marks in enumerate(self._marks):
            if node in marks:
                self.show(np.array(point), onMoving=bool(onMoving))


def _withoutTransform(volume: Any) -> Any:
    """Return a hidden volume node that shares the voxels and lies under no transform."""
    node = hiddenNode("vtkMRMLScalarVolumeNode", f"{volume.GetName()} (original)")
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    node.SetIJKToRASMatrix(matrix)
    node.SetAndObserveImageData(volume.GetImageData())
    display = hiddenNode("vtkMRMLScalarVolumeDisplayNode", f"{volume.GetName()} (original)")
    own = ownDisplay(volume)
    if own is not None:
        display.CopyContent(own)
    node.SetAndObserveDisplayNodeID(display.GetID())
    return node
