"""The print page of a report as a PDF.

Qt's rich text and PDF writer do it: they come with every Slicer, embed whatever font a reviewer's
name needs, and need no package that is installed first (matplotlib is none of Slicer's own; a web
view would draw the whole page, but prints in its own process and time, and some builds lack it).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import qt

from RegQCLib.errors import InputError

PAGE_WIDTH = 700.0  # units of the print page; fonts are in the same, so that no screen matters
FOOTER = 22.0
FONT_PIXELS = 12
RESOLUTION = 300
BLACK = "body { color: #1d1d1f; }"
"""Stated, because a dark palette would write white on white."""


def pdfSteps(page: str | Path, target: str | Path) -> Iterator[float]:
    """Write a print page (HTML) as a PDF, a sheet at a time; yields the fraction that is done.

    Raises InputError when the file cannot be written.
    """
    document = _document(Path(page).read_text(encoding="utf-8"))
    yield 0.0
    writer = qt.QPdfWriter(str(target))
    writer.setResolution(RESOLUTION)
    writer.setTitle("RegQC report")
    scale = writer.width() / PAGE_WIDTH
    height = writer.height() / scale - FOOTER
    document.setPageSize(qt.QSizeF(PAGE_WIDTH, height))
    count = document.pageCount()
    yield 0.0
    painter = qt.QPainter()
    if not painter.begin(writer):
        raise InputError(f"{target}: cannot be written; choose another folder")
    try:
        for number in range(count):
            if number:
                writer.newPage()
            _paint(painter, document, number, scale, height, f"{number + 1} / {count}")
            yield (number + 1) / count
    finally:
        painter.end()


def _document(html: str) -> qt.QTextDocument:
    document = qt.QTextDocument()
    font = qt.QFont(document.defaultFont)
    font.setPixelSize(FONT_PIXELS)
    document.setDefaultFont(font)
    document.setDocumentMargin(0)
    document.setDefaultStyleSheet(BLACK)
    document.setHtml(html)
    return document


def _paint(
    painter: qt.QPainter,
    document: qt.QTextDocument,
    number: int,
    scale: float,
    height: float,
    footer: str,
) -> None:
    painter.save()
    painter.scale(scale, scale)
    painter.setFont(document.defaultFont)
    painter.drawText(qt.QPointF(PAGE_WIDTH - 40, height + FOOTER - 4), footer)
    painter.translate(0, -number * height)
    document.drawContents(painter, qt.QRectF(0, number * height, PAGE_WIDTH, height))
    painter.restore()
