"""Drags of the working transform, by Slicer's handles or by any other module, as undoable steps.

A drag is many small changes. Nothing in the scene says when it ends, so whoever has a timer calls
`settle` once nothing has moved for a moment.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from RegQCScene.command_stack import CommandStack
from RegQCScene.signal import Signal
from RegQCScene.working_transform import WorkingState, remember, stateOf


class DragWatch(VTKObservationMixin):
    """Watches one working transform.

    moved(): emitted whenever it changed, by whatever; not when only its handles were put elsewhere.
    """

    def __init__(self, history: CommandStack) -> None:
        VTKObservationMixin.__init__(self)
        self.moved = Signal()
        self._history = history
        self._node: Any = None
        self._settled: WorkingState | None = None
        self._time = 0
        history.changed.connect(self._onStep)

    @property
    def node(self) -> Any:
        """The working transform that is watched, or None."""
        return self._node

    def watch(self, node: Any) -> None:
        """Watch another working transform, or None."""
        if node is self._node:
            return
        self.settle()
        self.removeObservers()
        self._node = node
        self._settled = None if node is None else stateOf(node)
        self._time = 0 if node is None else node.GetTransformToWorldMTime()
        if node is not None:
            event = slicer.vtkMRMLTransformableNode.TransformModifiedEvent
            self.addObserver(node, event, self._onMoved)

    def settle(self) -> None:
        """Make one step of what has moved since the last one."""
        node, before = self._node, self._settled
        if node is None or before is None or node.GetScene() is None:
            return
        text = dragText(before, stateOf(node), node.GetCenterOfTransformation())
        remember(node, before, text, self._history)
        self._settled = stateOf(node)

    def close(self) -> None:
        """Watch nothing any more."""
        self.watch(None)
        self._history.changed.disconnect(self._onStep)

    def _onMoved(self, _caller: Any, _event: str) -> None:
        time = 0 if self._node is None else self._node.GetTransformToWorldMTime()
        if time != self._time:
            self._time = time
            self.moved.emit()

    def _onStep(self) -> None:
        """A step that was taken, undone or redone is no drag."""
        if self._node is not None and self._node.GetScene() is not None:
            self._settled = stateOf(self._node)


def dragText(before: WorkingState, after: WorkingState, center: tuple[float, float, float]) -> str:
    """Say how far a drag went: mm at the center of the handles, and degrees."""
    motion = after.matrix @ np.linalg.inv(before.matrix)
    start = before.matrix @ (*center, 1.0)
    mm = float(np.linalg.norm((motion @ start - start)[:3]))
    turned = (np.trace(motion[:3, :3]) - 1) / 2
    degrees = float(np.degrees(np.arccos(np.clip(turned, -1.0, 1.0))))
    if degrees < 0.05:
        return _("Drag by {mm:.1f} mm").format(mm=mm)
    return _("Drag by {mm:.1f} mm and {degrees:.1f} degrees").format(mm=mm, degrees=degrees)
