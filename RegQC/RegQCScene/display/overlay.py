"""Keeps a picture over the slice of one view up to date."""

from __future__ import annotations

from typing import Any, Protocol

import vtk

from RegQCScene.display.slice_view import SliceView


class Picture(Protocol):
    """Something to draw over a slice."""

    prop: Any

    def synchronize(self) -> None:
        """Follow the view and its layers."""


class Overlay:
    """A picture in a view; it follows every change of the slice until it is removed.

    The work is done when the view is drawn. Here the picture only learns what to draw, so that many
    changes between two pictures cost next to nothing.
    """

    def __init__(self, view: SliceView, picture: Picture) -> None:
        self.view, self.picture = view, picture
        self._observed: list[tuple[Any, int]] = []
        sources = view.logic, view.logic.GetForegroundLayer(), view.sliceNode
        for source in filter(None, sources):
            tag = source.AddObserver(vtk.vtkCommand.ModifiedEvent, self._onModified)
            self._observed.append((source, tag))
        view.renderer.AddViewProp(picture.prop)
        self.update()

    def update(self) -> None:
        """Take over changed settings."""
        if self.view.sliceNode is not None:  # else the view is being taken down
            self.picture.synchronize()
            self.view.requestRender()

    def remove(self) -> None:
        """Take the picture off the view."""
        for source, tag in self._observed:
            source.RemoveObserver(tag)
        self._observed.clear()
        self.view.renderer.RemoveViewProp(self.picture.prop)
        self.view.requestRender()

    def _onModified(self, _caller: Any, _event: str) -> None:
        self.update()
