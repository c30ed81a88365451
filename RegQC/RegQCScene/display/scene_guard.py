"""Puts temporary changes of the display back before the scene is saved or loses what they need."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import slicer
import vtk


class SceneGuard:
    """Tells the owner of temporary changes when to undo them.

    suspend, resume: called before and after the scene is saved. end: called before the scene is
    closed, and before a node that ``needed()`` returns is removed.
    """

    def __init__(
        self,
        needed: Callable[[], Iterable[Any]],
        *,
        suspend: Callable[[], Any],
        resume: Callable[[], Any],
        end: Callable[[], Any],
    ) -> None:
        self._needed, self._end = needed, end
        self._scene = scene = slicer.mrmlScene
        self._tags = [
            scene.AddObserver(scene.StartSaveEvent, lambda *_: suspend()),
            scene.AddObserver(scene.EndSaveEvent, lambda *_: resume()),
            scene.AddObserver(scene.StartCloseEvent, lambda *_: end()),
            scene.AddObserver(scene.NodeAboutToBeRemovedEvent, self._onRemoved),
        ]

    def close(self) -> None:
        """Watch no more."""
        for tag in self._tags:
            self._scene.RemoveObserver(tag)
        self._tags.clear()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _onRemoved(self, _caller: Any, _event: str, node: Any) -> None:
        if node in self._needed():
            self._end()
