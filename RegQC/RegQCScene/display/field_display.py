"""The total transform of a pair as grid, arrows or contours in the views.

What is drawn maps FIXED points to MOVING points: lines that are straight on the fixed image appear
where they lead to, an arrow starts at a fixed point and ends at the moving point. It is drawn by a
transform node of our own, so that neither the user's transforms nor their handles change.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

import numpy as np
import slicer
from numpy.typing import NDArray

from RegQCLib.geometry.grid import Grid
from RegQCScene.display.hidden_node import hiddenNode, hide, removeNodes
from RegQCScene.display.scene_guard import SceneGuard
from RegQCScene.signal import Signal
from RegQCScene.transform_exchange import worldToMoving
from RegQCScene.transform_parts import mappedPoints
from RegQCScene.volume_exchange import gridFromNode

LINES = 20
"""Grid lines across the fixed volume, at most."""
VOXELS_APART = 4
POINTS_BETWEEN_LINES = 5
SAMPLES = 10
CONTOURS = 6
MAX_EXAGGERATION = 100.0


class FieldKind(Enum):
    """How a transform is drawn."""

    GRID = "grid"
    GLYPH = "glyph"
    CONTOUR = "contour"


class FieldDisplay:
    """Draws how the pair's transform moves points.

    changed: emitted when the transform has changed and `refresh` would draw it. spacingMm: between
    lines or arrows, from the size of volume and voxels. exaggeration: arrows are drawn this many
    times as long as they are, so that small displacements can be seen at all. largestMm: longest
    displacement found on a lattice over the fixed volume.
    """

    def __init__(self) -> None:
        self.changed = Signal()
        self.spacingMm = 0.0
        self.exaggeration = 1.0
        self.largestMm = 0.0
        self._pair: tuple[Any, Any, Any] = (None, None, None)
        self._node: Any = None
        self._display: Any = None
        self._observed: tuple[Any, int] | None = None
        # The nodes are not saved anyway: only lost volumes matter.
        self._guard = SceneGuard(
            lambda: self._pair, suspend=lambda: None, resume=lambda: None, end=self.hide
        )

    @property
    def shown(self) -> bool:
        """Whether anything is drawn."""
        return self._node is not None and self._node.GetScene() is slicer.mrmlScene

    def show(
        self,
        pair: tuple[Any, Any, Any],
        kind: FieldKind,
        *,
        viewNodes: Sequence[Any] = (),
        inThreeD: bool = False,
    ) -> None:
        """Draw the transform of (fixed volume, moving volume, transform or None).

        viewNodes: only in these views; in all when empty. inThreeD: in 3-D views too, inside the
        fixed volume. Raises InputError as `gridFromNode` does.
        """
        self.hide()
        self._pair = pair
        fixed, moving, _transform = pair
        grid = gridFromNode(fixed)
        self._node = hiddenNode("vtkMRMLTransformNode", "RegQC field")
        self._display = hiddenNode("vtkMRMLTransformDisplayNode", "RegQC field display")
        self._display.SetDefaultColors()  # Slicer would do so later, with a node that is saved
        hide(self._display.GetColorNode())
        self.refresh()
        with slicer.util.NodeModify(self._display):
            self._size(grid, kind)
            self._display.SetVisibility(True)
            self._display.SetVisibility2D(True)
            self._display.SetVisibility3D(inThreeD)
            self._display.SetAndObserveRegionNode(fixed)
            # A view that is restricted only after the node is shown keeps the old picture.
            for view in viewNodes:
                self._display.AddViewNodeID(view.GetID())
        self._node.SetAndObserveDisplayNodeID(self._display.GetID())
        event = slicer.vtkMRMLTransformableNode.TransformModifiedEvent
        self._observed = moving, moving.AddObserver(event, lambda *_: self.changed.emit())

    def refresh(self) -> None:
        """Draw the transform as it is now."""
        if self.shown:
            way = worldToMoving(self._pair[1], self._pair[2])
            self._node.SetAndObserveTransformToParent(way)

    def hide(self) -> None:
        """Draw nothing."""
        if self._observed is not None:
            self._observed[0].RemoveObserver(self._observed[1])
            self._observed = None
        color = self._display.GetColorNode() if self._display is not None else None
        removeNodes(self._node, self._display, color)
        self._node = self._display = None
        self._pair = (None, None, None)

    def close(self) -> None:
        """Draw nothing for good."""
        self.hide()
        self._guard.close()

    def _size(self, grid: Grid, kind: FieldKind) -> None:
        display = self._display
        self.spacingMm = fieldSpacingMm(grid)
        self.largestMm = self._largest(grid)
        self.exaggeration = 1.0
        display.SetVisualizationMode(getattr(display, f"VIS_MODE_{kind.name}"))
        display.SetGridSpacingMm(self.spacingMm)
        display.SetGridResolutionMm(self.spacingMm / POINTS_BETWEEN_LINES)
        display.SetGridScalePercent(100)
        display.SetGridLineDiameterMm(self.spacingMm / 20)
        if kind is FieldKind.GLYPH and self.largestMm > 0:
            wanted = _nice(self.spacingMm / self.largestMm, down=True)
            self.exaggeration = float(np.clip(wanted, 1.0, MAX_EXAGGERATION))
        display.SetGlyphSpacingMm(self.spacingMm)
        display.SetGlyphScalePercent(100 * self.exaggeration)
        display.SetGlyphDiameterMm(self.spacingMm / 4)
        display.SetGlyphDisplayRangeMinMm(0)
        display.SetGlyphDisplayRangeMaxMm(1e6)
        display.SetContourResolutionMm(self.spacingMm / POINTS_BETWEEN_LINES)
        levels = contourLevelsMm(self.largestMm)
        display.SetContourLevelsMmFromString(" ".join(f"{level:g}" for level in levels))

    def _largest(self, grid: Grid) -> float:
        """Return the longest displacement in mm on a lattice over the fixed volume."""
        ends = np.array(grid.shape[::-1]) - 1
        axes = [np.linspace(0, end, min(SAMPLES, end + 1)) for end in ends]
        points = grid.to_world(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3))
        moved = mappedPoints(self._node.GetTransformToParent(), points)
        return float(np.linalg.norm(moved - points, axis=1).max())


def fieldSpacingMm(grid: Grid) -> float:
    """Return the distance of lines or arrows: 1, 2 or 5 times a power of ten.

    About 20 lines across the volume, but at least four voxels apart: on a mouse and on a man.
    """
    longest = float((np.array(grid.shape[::-1]) * grid.spacing).max())
    return _nice(max(longest / LINES, VOXELS_APART * float(grid.spacing.min())))


def contourLevelsMm(largest: float) -> NDArray[np.float64]:
    """Return about six round lengths up to the largest displacement."""
    step = _nice(max(largest, 0.01) / CONTOURS)
    return np.asarray(np.arange(1, max(1, int(largest / step)) + 1) * step)


def _nice(value: float, *, down: bool = False) -> float:
    """Return 1, 2 or 5 times a power of ten: the next one above, or below."""
    power = 10.0 ** np.floor(np.log10(value))
    choices = power * np.array([1, 2, 5, 10])
    if down:
        return float(choices[choices <= value * (1 + 1e-9)][-1])
    return float(choices[choices >= value * (1 - 1e-9)][0])
