"""What pictures show: edges where they are, errors in color, folds, and PNG that others read."""

from __future__ import annotations

import base64
import re
from io import BytesIO

import numpy as np
import pytest
from matplotlib import image as matplotlib_image
from report.support import make_report

from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.jacobian import jacobian_determinant
from RegQCLib.geometry.volume import Volume
from RegQCLib.report.colors import ERROR, FOLDED, VOLUME_CHANGE, colored
from RegQCLib.report.field_figures import grid_picture, jacobian_picture, magnitude_picture
from RegQCLib.report.figures import Pair, color_picture, edges, error_picture
from RegQCLib.report.png import png_bytes

BOX = (slice(0, 12), slice(0, 26), slice(0, 30))


def pair(**changes):
    report = make_report()
    fields = {
        "fixed": report.fixed,
        "moved": report.moved,
        "body": report.fixed.array > 50,
        "box": BOX,
        "error_map": report.error_map,
        "error_limit": 4.0,
    }
    return Pair(**{**fields, **changes})


def images(drawing):
    """Decode every PNG of a drawing, 0 to 255, by a library of its own."""
    found = re.findall(r'href="data:image/png;base64,([^"]+)"', str(drawing))
    decoded = [matplotlib_image.imread(BytesIO(base64.b64decode(text))) for text in found]
    return [np.rint(255 * image).astype(int) for image in decoded]


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4), (1, 1)])
def test_png_reads_back(shape):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    read = matplotlib_image.imread(BytesIO(png_bytes(image)))
    np.testing.assert_array_equal(np.rint(255 * read), image)


def test_edges_are_thin_and_where_the_border_is():
    image = np.zeros((60, 60), dtype=np.float32)
    image[:, 30:] = 1.0
    found = edges(image, 1.0)
    assert (found.sum(axis=1) == 1).all()
    assert set(np.nonzero(found)[1]) <= {29, 30}


def test_an_even_picture_has_no_edges():
    assert not edges(np.full((20, 20), 0.7, dtype=np.float32), 1.0).any()


def test_complementary_colors_are_gray_for_equal_images():
    same = pair(moved=pair().fixed)
    (image,) = images(color_picture(same, same.view("axial"), 6))
    assert np.abs(np.diff(image[..., :3].astype(int), axis=-1)).max() == 0
    assert image.max() > 200


def test_complementary_colors_of_a_missing_image_are_green():
    empty = pair(moved=pair().fixed.with_array(np.zeros(pair().fixed.shape)))
    (image,) = images(color_picture(empty, empty.view("axial"), 6))
    assert image[..., 1].max() > 200
    assert image[..., (0, 2)].max() == 0


def test_errors_are_colored_where_known_only():
    drawn = pair()
    slice_error = drawn.view("axial").cut(drawn.error_map.array, 6)
    gray, color = images(error_picture(drawn, drawn.view("axial"), 6))
    assert gray.ndim in (2, 3)
    known = color[..., 3] > 0
    share = np.isfinite(slice_error).mean()
    assert known.mean() == pytest.approx(share, abs=0.05)
    expected = colored(np.array(3.0 / 4.0), ERROR)
    np.testing.assert_allclose(color[known][:, :3].mean(axis=0), expected, atol=8)


def field(function):
    """Displacement field on the grid of the sample, from RAS mm (..., 3) to mm (..., 3)."""
    grid = make_report().fixed.grid
    return DisplacementField(np.moveaxis(function(grid.points()), -1, 0), grid.affine)


@pytest.mark.parametrize("plane", ["sagittal", "coronal", "axial"])
@pytest.mark.parametrize("factor", [2.0**0.5, 1.0, 2.0**-0.5, -0.5])
def test_jacobian_shows_how_much_volume_changes(plane, factor):
    drawn = pair()
    stretch = field(lambda x: x * np.array([factor - 1, 0, 0]))
    index = {"sagittal": 15, "coronal": 13, "axial": 6}[plane]
    (image,) = images(jacobian_picture(drawn, drawn.view(plane), index, stretch))
    shown = image[image[..., 3] > 0][:, :3]
    if factor < 0:
        expected = np.array(FOLDED)
    else:
        expected = colored(np.array((np.log2(factor) + 1) / 2), VOLUME_CHANGE)
    np.testing.assert_allclose(shown.mean(axis=0), expected, atol=3)
    assert len(shown)


@pytest.mark.parametrize(("plane", "index"), [("axial", 0), ("axial", 6), ("sagittal", 29)])
def test_three_slices_give_the_jacobian_of_the_whole_field(plane, index):
    drawn = pair(body=np.ones((12, 26, 30), dtype=bool))
    curved = field(lambda x: 0.006 * x**2)
    whole = drawn.view(plane).cut(jacobian_determinant(curved), index)
    (image,) = images(jacobian_picture(drawn, drawn.view(plane), index, curved))
    expected = colored(np.clip((np.log2(whole) + 1) / 2, 0, 1), VOLUME_CHANGE)
    shown = image[..., :3].astype(float).mean(axis=(0, 1))
    np.testing.assert_allclose(shown, expected.mean(axis=(0, 1)), atol=1.5)


def test_the_grid_moves_with_the_field():
    drawn = pair()
    view = drawn.view("axial")

    def lines(shift):
        moved = field(lambda x: np.broadcast_to(np.array(shift, dtype=float), x.shape))
        path = re.search(r' d="([^"]+)"', str(grid_picture(drawn, view, 6, moved)))
        return np.array(re.findall(r"-?\d+\.\d", path.group(1)), dtype=float).reshape(-1, 2)

    still = lines((0, 0, 0))
    np.testing.assert_allclose(still[0], (1.0, 1.2), atol=0.06)  # middle of the first voxel
    # to the patient's left is to the right of the picture; anterior is up
    np.testing.assert_allclose(lines((-3, 0, 0)) - still, np.tile((3, 0), (len(still), 1)))
    np.testing.assert_allclose(lines((0, 2, 9)) - still, np.tile((0, -2), (len(still), 1)))


def test_displacement_is_colored_inside_the_body_by_its_length():
    drawn = pair()
    shift = field(lambda x: np.broadcast_to((0.0, 3.0, 4.0), x.shape))
    _, color = images(magnitude_picture(drawn, drawn.view("coronal"), 13, shift, 5.0))
    inside = color[color[..., 3] > 0]
    np.testing.assert_array_equal(inside[:, :3].max(axis=0), colored(np.array(1.0), ERROR))
    assert len(inside) < color[..., 3].size


def test_an_image_is_stored_once():
    drawn = pair()
    view = drawn.view("axial")
    first, second = (str(error_picture(drawn, view, 6)) for _ in range(2))
    assert first.count("data:image/png") == 2
    assert second.count("data:image/png") == 1
    (name,) = re.findall(r'<use href="#([^"]+)"', second)
    assert f'id="{name}"' in first


def test_images_without_any_contrast_are_drawn():
    flat = Volume(np.zeros((12, 26, 30), dtype=np.float32), make_report().fixed.affine)
    drawn = pair(fixed=flat, moved=flat)
    (image,) = images(color_picture(drawn, drawn.view("axial"), 6))
    assert image.max() == 0
