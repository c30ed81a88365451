"""The PDF: as many sheets as the page asks for, dark ink in every palette, one clear error."""

from __future__ import annotations

import re
import zlib

import pytest
import qt

from RegQCLib.errors import InputError
from RegQCUI.pdf_report import pdfSteps

PAGE = """<html><body><h1>First</h1><p>Łuczak</p>
<h2 style="page-break-before: always">Second</h2><p>text</p></body></html>"""


@pytest.fixture
def page(tmp_path, host):
    file = tmp_path / "print.html"
    file.write_text(PAGE, encoding="utf-8")
    return file


def streams(pdf):
    """The drawing commands of all pages."""
    found = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    texts = []
    for stream in found:
        try:
            texts.append(zlib.decompress(stream))
        except zlib.error:
            continue
    return b"\n".join(texts)


def test_sheets_break_where_the_page_says(page, tmp_path):
    fractions = list(pdfSteps(page, tmp_path / "a.pdf"))
    pdf = (tmp_path / "a.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf)) == 2
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_a_dark_palette_leaves_the_ink_dark(page, tmp_path):
    before = qt.QApplication.palette()
    dark = qt.QPalette(qt.QColor(30, 30, 30))
    dark.setColor(qt.QPalette.Text, qt.QColor(255, 255, 255))
    dark.setColor(qt.QPalette.WindowText, qt.QColor(255, 255, 255))
    try:
        qt.QApplication.setPalette(dark)
        list(pdfSteps(page, tmp_path / "dark.pdf"))
    finally:
        qt.QApplication.setPalette(before)
    list(pdfSteps(page, tmp_path / "light.pdf"))
    drawn = [streams((tmp_path / f"{name}.pdf").read_bytes()) for name in ("dark", "light")]
    assert len(drawn[0]) > 200
    colors = [set(re.findall(rb"[\d.]+ [\d.]+ [\d.]+ (?:rg|scn)", text)) for text in drawn]
    assert colors[0] == colors[1]


def test_a_place_that_cannot_be_written_is_named(page, tmp_path, host):
    with pytest.raises(InputError, match="cannot be written"):
        list(pdfSteps(page, tmp_path / "missing" / "a.pdf"))
    host.clearProblems()
