"""Small pictures drawn in code: sharp on every screen, readable on light and dark palettes.

Data have colors of middle lightness (after Paul Tol's bright scheme), told apart by color-blind
readers as well; all else takes the palette's colors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import qt

GOOD, BAD, UNSURE, PLAIN = "#3a9d5d", "#dd4b39", "#cc8800", "#8a8f98"
BAR, BAR_FLAGGED = "#4f8fcf", "#ee6a3b"
VERDICT_COLORS = {"aligned": GOOD, "misaligned": BAD, "cannot_tell": UNSURE}


def picture(widget: Any, width: int, height: int, draw: Callable[[Any], None]) -> Any:
    """Return a pixmap of this size, in the widget's units, that ``draw(painter)`` has filled."""
    ratio = widget.devicePixelRatioF()
    pixmap = qt.QPixmap(max(1, round(width * ratio)), max(1, round(height * ratio)))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(qt.QColor(0, 0, 0, 0))
    with painting(pixmap) as painter:
        draw(painter)
    return pixmap


@contextmanager
def painting(pixmap: Any) -> Iterator[Any]:
    """Yield a painter that ends however the block is left."""
    painter = qt.QPainter()
    painter.begin(pixmap)
    try:
        yield painter
    finally:
        painter.end()


def verdictLight(widget: Any, verdict: str, size: int) -> Any:
    """Return a round light: a tick, a cross or a question mark say the same as its color.

    verdict: "aligned", "misaligned", "cannot_tell", or "" before there is one.
    """
    whole = qt.QRectF(1, 1, size - 2, size - 2)

    def draw(painter: Any) -> None:
        painter.setRenderHint(qt.QPainter.Antialiasing)
        painter.setPen(qt.QPen(qt.QColor(PLAIN), 1.5))
        color = VERDICT_COLORS.get(verdict)
        painter.setBrush(qt.QBrush(qt.QColor(color)) if color else qt.QBrush())
        painter.drawEllipse(whole)
        white = qt.QPen(qt.QColor("white"), size / 9)
        white.setCapStyle(qt.Qt.RoundCap)
        painter.setPen(white)
        for x1, y1, x2, y2 in _STROKES.get(verdict, ()):
            painter.drawLine(qt.QPointF(x1 * size, y1 * size), qt.QPointF(x2 * size, y2 * size))
        if verdict == "cannot_tell":
            font = painter.font()
            font.setPixelSize(round(0.66 * size))
            font.setBold(True)
            painter.setFont(font)
            painter.drawText(whole, qt.Qt.AlignCenter, "?")

    return picture(widget, size, size, draw)


_STROKES = {
    "aligned": ((0.28, 0.53, 0.43, 0.68), (0.43, 0.68, 0.72, 0.34)),
    "misaligned": ((0.33, 0.33, 0.67, 0.67), (0.33, 0.67, 0.67, 0.33)),
}


def flagIcon(widget: Any, size: int) -> Any:
    """Return the mark of a flagged slice, a filled triangle."""

    def draw(painter: Any) -> None:
        painter.setRenderHint(qt.QPainter.Antialiasing)
        painter.setPen(qt.QPen(qt.Qt.NoPen))
        painter.setBrush(qt.QBrush(qt.QColor(BAR_FLAGGED)))
        corners = ((0.5, 0.1), (0.95, 0.9), (0.05, 0.9))
        painter.drawPolygon(qt.QPolygonF([qt.QPointF(x * size, y * size) for x, y in corners]))

    return qt.QIcon(picture(widget, size, size, draw))
