"""Pictures are turned as radiologists expect, for every order and direction of the voxel axes."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from RegQCLib.geometry.grid import PLANE_NAMES, Grid
from RegQCLib.geometry.volume import Volume
from RegQCLib.report.figures import Pair, color_picture, edge_picture, moved_picture
from RegQCLib.report.plane_view import plane_view, position_text, square_pixels

SPACING = np.array([0.8, 1.3, 3.0])
LETTERS = {
    "axial": ("R", "L", "A", "P"),
    "coronal": ("R", "L", "S", "I"),
    "sagittal": ("A", "P", "S", "I"),
}
TOWARDS = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}
ORIENTATIONS = list(product(permutations(range(3)), product((1, -1), repeat=3)))


def marked(order, signs, letter, *, tilt=0.0):
    """A phantom with one bright block at the patient's ``letter`` side."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, (world, sign) in enumerate(zip(order, signs, strict=True)):
        affine[world, axis] = sign * SPACING[axis]
    cosine, sine = np.cos(tilt), np.sin(tilt)
    turn = np.eye(4)
    turn[:3, :3] = [[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]]
    grid = Grid((10, 14, 18), turn @ affine)
    world, sign = TOWARDS[letter]
    offset = grid.points() - grid.center
    reach = np.abs(offset[..., world]).max()
    array = (sign * offset[..., world] > 0.55 * reach).astype(np.float32)
    return Volume(array, grid.affine, "phantom")


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
def test_the_marked_side_is_where_its_letter_is(order, signs):
    for plane in PLANE_NAMES:
        left, right, top, bottom = LETTERS[plane]
        for letter, axis, end in ((left, 1, 0), (right, 1, 1), (top, 0, 0), (bottom, 0, 1)):
            volume = marked(order, signs, letter)
            view = plane_view(volume.grid, plane)
            assert view.letters == LETTERS[plane]
            picture = view.cut(volume.array, volume.shape[view.axis] // 2)
            halves = np.array_split(picture, 2, axis=axis)
            assert halves[end].any()
            assert not halves[1 - end].any()


@pytest.mark.parametrize("plane", PLANE_NAMES)
def test_an_oblique_grid_keeps_its_sides(plane):
    for letter in LETTERS[plane][:2]:
        volume = marked((0, 1, 2), (-1, 1, 1), letter, tilt=np.deg2rad(20))
        view = plane_view(volume.grid, plane)
        picture = view.cut(volume.array, volume.shape[view.axis] // 2)
        halves = np.array_split(picture, 2, axis=1)
        more = int(np.argmax([half.sum() for half in halves]))
        assert view.letters[more] == letter


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS[::7])
def test_a_pixel_is_as_large_as_its_voxel(order, signs):
    grid = marked(order, signs, "R").grid
    for plane in PLANE_NAMES:
        view = plane_view(grid, plane)
        assert view.pixel_mm == (
            pytest.approx(grid.spacing[2 - view.rows]),
            pytest.approx(grid.spacing[2 - view.columns]),
        )
        assert {view.axis, view.rows, view.columns} == {0, 1, 2}


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS[::5])
def test_vectors_are_drawn_down_and_right(order, signs):
    grid = marked(order, signs, "R").grid
    vectors = np.broadcast_to(np.array([1.0, 10.0, 100.0])[:, None, None], (3, 2, 2))
    down, right = plane_view(grid, "axial").in_plane(vectors, grid)  # right is L, down is P
    np.testing.assert_allclose(down, -10)
    np.testing.assert_allclose(right, -1)
    down, right = plane_view(grid, "sagittal").in_plane(vectors, grid)  # right is P, down is I
    np.testing.assert_allclose(down, -100)
    np.testing.assert_allclose(right, -10)


def test_square_pixels_keep_the_extent_and_the_values():
    ramp = np.linspace(0, 1, 20)[None, :] * np.ones((8, 1))
    result = square_pixels(ramp, (4.0, 1.0), most=200)
    assert result.shape == (32, 20)
    np.testing.assert_allclose(result[16], ramp[0], atol=1e-5)
    small = square_pixels(ramp, (4.0, 1.0), most=16)
    assert max(small.shape) == 16
    assert small.mean() == pytest.approx(ramp.mean(), abs=0.01)


@pytest.mark.parametrize(
    ("plane", "position", "text"),
    [("sagittal", -23.46, "L 23.5 mm"), ("coronal", 7, "A 7.0 mm"), ("axial", -0.5, "I 0.5 mm")],
)
def test_positions_are_worded_by_side(plane, position, text):
    assert position_text(plane, position) == text


@pytest.mark.parametrize("draw", [moved_picture, color_picture, edge_picture])
def test_a_drawing_has_the_extent_of_the_body_in_mm(draw):
    volume = marked((2, 0, 1), (1, -1, 1), "R")  # i along S, j along L, k along A
    box = (slice(0, 10), slice(0, 14), slice(0, 18))
    body = np.ones(volume.shape, dtype=bool)
    pair = Pair(volume, volume, body, box, None, 4.0)
    drawn = str(draw(pair, pair.view("coronal"), 5))
    width, height = 14 * SPACING[1], 18 * SPACING[0]
    assert f'viewBox="0 0 {width:.4g} {height:.4g}"' in drawn
    assert [drawn.index(f">{letter}</text>") for letter in LETTERS["coronal"]]
