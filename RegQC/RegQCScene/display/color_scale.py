"""A scale of a map's colors in the slice views.

Slicer's own color legend (vtkMRMLColorLegendDisplayNode, in 5.12) is drawn for the background and
the foreground alone, and maps lie in the layers above them. So the scale is drawn here: in every
Slicer, without a node that would be saved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import vtk

from RegQCScene.display.slice_view import SliceView, layoutViews

SIZE = (0.1, 0.4)
"""Share of a view's width and height."""
BOTTOM = 0.3
MARGIN = 0.01
LABELS = 5
FONT_PIXELS = 12
TITLE_GAP_PIXELS = 8


class ColorScale:
    """Shows the colors of one volume between their values.

    left: at the left edge of the views, so that two scales can be seen. views: returns the views
    to use.
    """

    def __init__(
        self, *, left: bool = False, views: Callable[[], Sequence[SliceView]] = layoutViews
    ) -> None:
        self._left, self._views = left, views
        self._shown: list[tuple[SliceView, Any]] = []

    def show(self, volumeNode: Any, title: str, labelFormat: str = "%.1f") -> None:
        """Show the scale of a volume's display as it is now.

        title: what the values are, with their unit. labelFormat: of a number, as in C.
        """
        self.hide()
        colors = _colors(volumeNode.GetDisplayNode())
        for view in self._views():
            actor = self._actor(colors, title, labelFormat)
            view.renderer.AddViewProp(actor)
            self._shown.append((view, actor))
            view.requestRender()

    def hide(self) -> None:
        """Take the scale off the views."""
        for view, actor in self._shown:
            view.renderer.RemoveViewProp(actor)
            view.requestRender()
        self._shown = []

    def _actor(self, colors: Any, title: str, labelFormat: str) -> Any:
        actor = vtk.vtkScalarBarActor()
        actor.SetLookupTable(colors)
        actor.SetMaximumNumberOfColors(colors.GetNumberOfTableValues())
        actor.SetNumberOfLabels(LABELS)
        actor.SetTitle("\n".join(title.split()))  # a line for each word: views are narrow
        actor.SetLabelFormat(labelFormat)
        actor.SetUnconstrainedFontSize(True)
        actor.SetVerticalTitleSeparation(TITLE_GAP_PIXELS)
        for text in (actor.GetTitleTextProperty(), actor.GetLabelTextProperty()):
            text.SetFontSize(FONT_PIXELS)
            text.SetColor(1, 1, 1)
            text.SetShadow(True)  # readable over white as well
            text.ItalicOff()
            text.BoldOff()
        actor.SetPosition(MARGIN if self._left else 1 - MARGIN - SIZE[0], BOTTOM)
        actor.SetWidth(SIZE[0])
        actor.SetHeight(SIZE[1])
        return actor


def _colors(display: Any) -> Any:
    """Copy the colors that are seen of a volume: within its window, and above its threshold."""
    least, most = display.GetWindowLevelMin(), display.GetWindowLevelMax()
    start = display.GetLowerThreshold() if display.GetApplyThreshold() else least
    start = start if least < start < most else least
    source = display.GetColorNode().GetLookupTable()
    count = source.GetNumberOfTableValues()
    first = round((start - least) / (most - least) * count) if start > least else 0
    table = vtk.vtkLookupTable()
    table.SetNumberOfTableValues(count - first)
    for number in range(first, count):
        table.SetTableValue(number - first, *source.GetTableValue(number))
    table.SetTableRange(start, most)
    return table
