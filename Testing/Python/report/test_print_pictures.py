"""Flat pictures show the same as the layered ones: right side, right color, right letters."""

from __future__ import annotations

import numpy as np
import pytest
from report.support import make_report, scores

from RegQCLib.report import print_pictures
from RegQCLib.report.html import pair_of
from RegQCLib.report.print_pictures import GLYPHS, strip_image
from RegQCLib.report.strips import nice_limit


@pytest.fixture(scope="module")
def pair():
    return pair_of(make_report())


@pytest.mark.parametrize("plane", ["sagittal", "coronal", "axial"])
def test_pictures_have_the_shape_of_the_body(pair, plane):
    view = pair.view(plane)
    image = print_pictures.gray_image(pair, 0, view, 6)
    width, height = pair.extent_mm(view)
    assert image.shape[1] / image.shape[0] == pytest.approx(width / height, rel=0.15)
    assert max(image.shape[:2]) <= print_pictures.PIXELS
    assert image.dtype == np.uint8
    assert (image[..., 0] == image[..., 2]).all()


def test_colors_mean_what_the_captions_say(pair):
    view = pair.view("axial")
    image = print_pictures.color_image(pair, view, 6).astype(int)
    fixed, moved = (print_pictures._gray(pair.gray(which, view, 6, print_pictures.PIXELS))
                    for which in (0, 1))  # fmt: skip
    middle = tuple(n // 3 for n in fixed.shape[:2])
    assert image[middle][1] == pytest.approx(
        255 * (fixed[middle][0] / 255) ** pair.gammas[0], abs=2
    )
    assert image[middle][0] == image[middle][2]
    assert image[middle][0] == pytest.approx(
        255 * (moved[middle][0] / 255) ** pair.gammas[1], abs=2
    )


def test_errors_are_colored_where_known_and_gray_elsewhere(pair):
    view = pair.view("axial")
    image = print_pictures.error_image(pair, view, 6).astype(int)
    rows, columns = image.shape[:2]
    colorful = np.ptp(image, axis=-1) > 30
    assert colorful[rows // 3, columns // 3]
    assert not colorful[2, 2]
    none = pair_of(make_report(error_map=None))
    gray = print_pictures.error_image(none, none.view("axial"), 6)
    assert (np.ptp(gray, axis=-1) == 0).all()


def test_edges_are_yellow_lines(pair):
    image = print_pictures.edge_image(pair, pair.view("axial"), 6)
    share = (image == print_pictures.EDGE).all(axis=-1).mean()
    assert 0.001 < share < 0.2


def test_letters_stand_where_the_patient_is(pair):
    view = pair.view("axial")
    blank = np.full((140, 160, 3), 7, dtype=np.uint8)
    image = print_pictures.lettered(blank, view)
    scale = round(print_pictures.LETTER_SHARE * 160 / 5)
    size = 7 * scale

    def read(row, column):
        dots = image[row : row + size, column : column + size, 0][::scale, ::scale][1:-1, 1:-1]
        lines = tuple("".join("#" if dot else "." for dot in line) for line in dots)
        return next(letter for letter, glyph in GLYPHS.items() if glyph == lines)

    row, column = (140 - size) // 2, (160 - size) // 2
    assert read(row, 0) + read(row, 160 - size) + read(0, column) + read(140 - size, column) == (
        "RLAP"
    )


def test_tiny_pictures_stay_without_letters(pair):
    tiny = np.full((9, 40, 3), 7, dtype=np.uint8)
    assert (print_pictures.lettered(tiny, pair.view("axial")) == 7).all()


def test_bars_are_as_high_as_the_error(pair):
    axis = scores(make_report().fixed, "coronal", flagged=(9,))
    image = strip_image(axis, error_limit=nice_limit(4.0), tolerance_mm=1.5).astype(int)
    step = image.shape[1] // len(axis.slices)
    background = (image == 255).all(axis=-1)
    heights = [(~background[print_pictures.FLAG_HEIGHT :, n * step + 1]).sum() for n in (5, 9)]
    room = print_pictures.STRIP_HEIGHT - print_pictures.FLAG_HEIGHT
    expected = [room * axis.slices[n].error_mm / 4 for n in (5, 9)]
    assert heights == pytest.approx(expected, abs=3)
    marked = [n for n in range(len(axis.slices)) if not background[2, n * step + 1]]
    assert marked == [9]
