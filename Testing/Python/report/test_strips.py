"""Strips: a bar a slice, its height in mm, its color, its flag."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from RegQCLib.qc.alignment_report import AxisScores, SliceScore
from RegQCLib.report.colors import PROBABILITY, css
from RegQCLib.report.strips import BARS, UNKNOWN, nice_limit, strip

SLICES = [
    SliceScore(0, -4.0, None, None, False),
    SliceScore(1, 0.0, 0.1, 1.0, False),
    SliceScore(2, 4.0, 0.9, 3.0, True),
    SliceScore(3, 8.0, 1.0, 50.0, True),
    SliceScore(4, 12.0, None, 2.0, False),
]


def drawn(slices=SLICES, plane="axial", **options):
    """Parse the strip; being XML it is also free of unescaped text."""
    options = {"error_limit": 4.0, "tolerance_mm": 1.5, **options}
    return ET.fromstring(str(strip(AxisScores(plane, True, slices), **options)))


def bars(root):
    groups = [g for g in root.findall("g") if g.find("title") is not None]
    return [(g.find("title").text, g.find("rect"), g.find("path")) for g in groups]


def test_bars_have_the_height_of_the_error_and_the_color_of_the_probability():
    found = bars(drawn())
    heights = [float(rect.get("height")) for _, rect, _ in found[1:]]
    assert heights == pytest.approx([BARS / 4, BARS * 3 / 4, BARS, BARS / 2])
    colors = [rect.get("fill") for _, rect, _ in found]
    assert colors == [
        UNKNOWN,
        css(0.1, PROBABILITY),
        css(0.9, PROBABILITY),
        css(1.0, PROBABILITY),
        UNKNOWN,
    ]


def test_flags_and_words():
    found = bars(drawn())
    assert [path is not None for _, _, path in found] == [False, False, True, True, False]
    assert found[0][0] == "axial slice 0, I 4.0 mm; not measured"
    assert found[2][0] == "axial slice 2, S 4.0 mm; error 3.0 mm; probability 0.90; flagged"
    assert "probability not measured" in found[4][0]


def test_bars_stay_inside_the_drawing():
    many = [SliceScore(n, float(n), 0.5, 1.0, n % 2 == 0) for n in range(512)]
    root = drawn(many)
    width = float(root.get("viewBox").split()[2])
    for _, rect, _ in bars(root):
        assert float(rect.get("x")) >= 0
        assert float(rect.get("x")) + float(rect.get("width")) <= width


@pytest.mark.parametrize(("tolerance", "lines"), [(1.5, 1), (None, 0), (9.0, 0)])
def test_the_tolerance_is_a_line_where_it_fits(tolerance, lines):
    root = drawn(tolerance_mm=tolerance)
    assert len(root.findall("path[@class='tolerance']")) == lines


@pytest.mark.parametrize("count", [0, 1, 2, 8])
def test_few_slices(count):
    assert len(bars(drawn(SLICES[:1] * count))) == count


@pytest.mark.parametrize(
    ("largest", "limit"), [(0, 1), (1, 1), (4.2, 5), (61, 80), (250, 300), (float("inf"), 100)]
)
def test_scales_end_at_round_numbers(largest, limit):
    assert nice_limit(largest) == limit
