"""The scores of one plane as a strip of bars: a click, a drag or the arrow keys choose a slice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import qt
from slicer.i18n import tr as _

from RegQCLib.geometry.grid import PLANE_NAMES
from RegQCLib.qc.alignment_report import SliceScore
from RegQCUI.drawing import BAR, BAR_FLAGGED, PLAIN, painting, picture

HEIGHT, MIN_WIDTH = 34, 80
MIN_GAPPED = 4  # pixels of a bar that leave room for a gap
ENDS = (("L", "R"), ("P", "A"), ("I", "S"))
"""Where the negative and the positive end of R, A and S lie."""

SHOWN_ENDS = (("R", "L"), ("A", "P"), ("I", "S"))
"""Left and right end of a strip, as in the slice views: patients are seen from their feet."""

SHOWN_TOLERANCES = 3.0
"""Error in tolerances that fills a strip at least; the line of the tolerance is always in sight."""


def positionText(axis: str, positionMm: float) -> str:
    """Return a place across a plane as radiologists read it: "S 12.5"."""
    return f"{ENDS[PLANE_NAMES.index(axis)][positionMm >= 0]} {abs(positionMm):.1f}"


def percentText(probability: float) -> str:
    """Return a probability in percent; never 0 or 100, which would be certain."""
    if 0.01 <= probability <= 0.99:
        return f"{100 * probability:.0f} %"
    return "< 1 %" if probability < 0.5 else "> 99 %"


def describeSlice(axis: str, one: SliceScore) -> str:
    """Return a slice and its scores in one line."""
    text = _("{axis} slice {index}, {position} mm").format(
        axis=axis, index=one.index, position=positionText(axis, one.position_mm)
    )
    if one.probability_misaligned is not None:
        text += _(": misaligned {percent}").format(percent=percentText(one.probability_misaligned))
    if one.error_mm is not None:
        text += _(", {error:.1f} mm").format(error=one.error_mm)
    if not one.measured:
        text += _(": nothing to judge")
    return text + (_(", flagged") if one.flagged else "")


class _Events(qt.QObject):
    """Hands a widget's mouse, key and size events to the strip that it belongs to."""

    def __init__(self, strip: SliceStrip) -> None:
        qt.QObject.__init__(self)
        self.strip = strip

    def eventFilter(self, _widget: Any, event: Any) -> bool:
        kind = event.type()
        if kind == qt.QEvent.MouseButtonPress and event.button() == qt.Qt.LeftButton:
            self.strip.onMouse(_x(event), True)
        elif kind == qt.QEvent.MouseMove:
            self.strip.onMouse(_x(event), bool(event.buttons() & qt.Qt.LeftButton))
        elif kind == qt.QEvent.KeyPress:
            return self.strip.onKey(event.key())
        elif kind in (qt.QEvent.Resize, qt.QEvent.PaletteChange, qt.QEvent.EnabledChange):
            self.strip.redraw()
        elif kind in (qt.QEvent.FocusIn, qt.QEvent.FocusOut):
            self.strip.drawMarker(focus=kind == qt.QEvent.FocusIn)
        return False


def _x(event: Any) -> int:
    """Where a mouse event happened; Qt 6 has the first name, Qt 5 the second."""
    return int(event.position().x() if hasattr(event, "position") else event.x())


class SliceStrip:
    """Bars as high as the estimated error, from one end of the body to the other.

    Flagged slices have another color; a line shows the tolerance. onChosen(axis, index): called
    when a user picks a slice. widget: to be put into a layout.
    """

    def __init__(self, axis: str, onChosen: Callable[[str, int], Any]) -> None:
        self.axis = axis
        self.widget = qt.QLabel()
        self.widget.objectName = f"{axis}Strip"
        self.widget.setFixedHeight(HEIGHT)
        self.widget.setMinimumWidth(MIN_WIDTH)
        self.widget.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Fixed)
        self.widget.setFocusPolicy(qt.Qt.StrongFocus)
        self.widget.setMouseTracking(True)
        self.widget.setAccessibleName(_("Scores of the {axis} slices").format(axis=axis))
        self._onChosen = onChosen
        self._slices: list[SliceScore] = []
        self._tolerance: float | None = None
        self._chosen: int | None = None
        self._bars: Any = None
        self._focus = False
        self._events = _Events(self)
        self.widget.installEventFilter(self._events)
        self.show([])

    def show(self, slices: list[SliceScore], toleranceMm: float | None = None) -> None:
        """Show these slices, ordered by position as in the views; none is chosen."""
        place = PLANE_NAMES.index(self.axis)
        backward = SHOWN_ENDS[place] != ENDS[place]
        self._slices = sorted(slices, key=lambda one: one.position_mm, reverse=backward)
        self._tolerance = toleranceMm
        self._chosen = None
        text = _("Click a slice to see it") if slices else _("No scores yet")
        self.widget.setToolTip(text)
        self.widget.setAccessibleDescription(text)
        self.widget.enabled = bool(slices)
        self.redraw()

    def choose(self, index: int | None) -> None:
        """Mark the slice with this index, or none, without telling `onChosen`."""
        places = [n for n, one in enumerate(self._slices) if one.index == index]
        self._chosen = places[0] if places else None
        if self._chosen is not None:
            one = self._slices[self._chosen]
            self.widget.setAccessibleDescription(describeSlice(self.axis, one))
        self.drawMarker()

    def cleanup(self) -> None:
        """Let go of the widget's events."""
        self.widget.removeEventFilter(self._events)

    def onMouse(self, x: int, pressed: bool) -> None:
        """Describe the slice under the mouse; choose it while the button is down."""
        if not self._slices:
            return
        place = int(x * len(self._slices) / max(1, self.widget.width))
        place = min(max(place, 0), len(self._slices) - 1)
        self.widget.setToolTip(describeSlice(self.axis, self._slices[place]))
        if pressed and place != self._chosen:
            self._pick(place)

    def onKey(self, key: int) -> bool:
        """Step with the arrow keys, Home and End; returns whether the key was used."""
        last = len(self._slices) - 1
        chosen = self._chosen if self._chosen is not None else last // 2
        places = {
            qt.Qt.Key_Left: chosen - 1,
            qt.Qt.Key_Right: chosen + 1,
            qt.Qt.Key_Home: 0,
            qt.Qt.Key_End: last,
        }
        if last < 0 or key not in places:
            return False
        self._pick(min(max(places[key], 0), last))
        return True

    def _pick(self, place: int) -> None:
        index = self._slices[place].index
        self.choose(index)
        self._onChosen(self.axis, index)

    # Drawing

    def redraw(self) -> None:
        """Draw the bars anew, after another size, palette or result."""
        width = max(MIN_WIDTH, self.widget.width)
        self._bars = picture(self.widget, width, HEIGHT, lambda p: self._drawBars(p, width))
        self.drawMarker()

    def drawMarker(self, focus: bool | None = None) -> None:
        """Draw the bars and what is chosen over them."""
        self._focus = self._focus if focus is None else focus
        pixmap = self._bars.copy()
        pixmap.setDevicePixelRatio(self._bars.devicePixelRatioF())
        width = max(MIN_WIDTH, self.widget.width)
        color = self.widget.palette.color(qt.QPalette.Text)
        with painting(pixmap) as painter:
            if self._chosen is not None:
                x = round((self._chosen + 0.5) * width / len(self._slices))
                painter.fillRect(x - 1, 0, 3 if self._focus else 2, HEIGHT, color)
            frame = qt.QPalette.Highlight if self._focus else qt.QPalette.Mid
            painter.setPen(qt.QPen(self.widget.palette.color(frame), 1))
            painter.drawRect(0, 0, width - 1, HEIGHT - 1)
        self.widget.setPixmap(pixmap)

    def _drawBars(self, painter: Any, width: int) -> None:
        palette = self.widget.palette
        painter.fillRect(0, 0, width, HEIGHT, palette.color(qt.QPalette.Base))
        count = len(self._slices)
        if not count:
            return
        full = self._fullMm()
        columns = min(count, width)
        edges = [round(n * width / columns) for n in range(columns + 1)]
        gap = 1 if width >= MIN_GAPPED * count else 0
        for left, right, places in zip(
            edges, edges[1:], np.array_split(np.arange(count), columns), strict=False
        ):
            ones = [self._slices[n] for n in places]
            across = max(1, right - left - gap)
            if not any(one.measured for one in ones):
                painter.fillRect(left, HEIGHT - 3, across, 1, qt.QColor(PLAIN))
                continue
            color = BAR_FLAGGED if any(one.flagged for one in ones) else BAR
            error = max(one.error_mm or 0.0 for one in ones)
            high = 2 + round(min(1.0, error / full) * (HEIGHT - 6))
            painter.fillRect(left, HEIGHT - 2 - high, across, high, qt.QColor(color))
        if self._tolerance is not None:
            y = HEIGHT - 4 - round(self._tolerance / full * (HEIGHT - 6))
            painter.setPen(qt.QPen(palette.color(qt.QPalette.Text), 1, qt.Qt.DotLine))
            painter.drawLine(1, y, width - 2, y)

    def _fullMm(self) -> float:
        """Error in mm of a bar that fills the strip."""
        errors = [one.error_mm for one in self._slices if one.error_mm is not None]
        return max([*errors, SHOWN_TOLERANCES * (self._tolerance or 1.0)])
