"""Colors, squares and differences on the screen, against what the voxels say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from RegQCScene.display.comparison import Mode
from RegQCScene.display.mixed_pixels import WHITE_DIFFERENCE, Difference, pixel


def steps(values: list[float], shape: tuple[int, int, int] = (60, 60, 60)) -> Any:
    """Slabs of equal width along i (R), each of one value, in air of 0."""
    array = np.zeros(shape, np.float32)
    for index, slab in enumerate(np.array_split(np.arange(5, shape[2] - 5), len(values))):
        array[5:-5, 5:-5, slab] = values[index]
    return array


def test_alike_is_gray_and_different_is_green_or_magenta(
    comparison: Any, benches: Any, phantoms: Any
) -> None:
    fixed = phantoms.volume(steps([50, 100, 10, 100]))
    moving = phantoms.volume(steps([50, 10, 100, 100]) * 7 + 30)  # another unit
    comparison.setVolumes(fixed, moving)
    comparison.setMode(Mode.COLORS)
    for bench in benches.values():
        bench.center(100)
    red = benches["Red"]
    for x, darkest in ((-20, 20), (20, 250)):
        color = red.at(x, 0, 0)
        assert max(color) - min(color) <= 6
        assert min(color) >= darkest
    green, magenta = red.at(-7, 0, 0), red.at(7, 0, 0)
    assert green[1] > 200
    assert max(green[0], green[2]) < 60
    assert min(magenta[0], magenta[2]) > 200
    assert magenta[1] < 60
    assert red.at(0, 28, 0) == (0, 0, 0)  # air stays black
    assert red.at(0, 45, 0) == (0, 0, 0)  # nothing outside both volumes


def test_no_color_from_a_volume_where_it_has_no_data(
    comparison: Any, benches: Any, phantoms: Any
) -> None:
    # CT: air is -1000, so that the value 0 which pads slices would be bright
    fixed = phantoms.volume(np.where(steps([1]) > 0, 40, -1000).astype(np.int16))
    moving = phantoms.volume(np.full((60, 60, 60), 500, np.int16), center=(40, 0, 0))
    comparison.setVolumes(fixed, moving)
    comparison.setMode(Mode.COLORS)
    benches["Red"].center(160)
    red, green, blue = benches["Red"].at(50, 0, 0)
    assert green == 0
    assert red == blue
    red, green, blue = benches["Red"].at(0, 0, 0)
    assert (red, blue) == (0, 0)
    assert green > 50


def test_windows_are_matched_whatever_the_volumes_own_windows_are(
    comparison: Any, benches: Any, phantoms: Any
) -> None:
    fixed, moving = phantoms.ball(20), phantoms.ball(20)
    fixed.GetDisplayNode().SetAutoWindowLevel(False)
    fixed.GetDisplayNode().SetWindowLevelMinMax(0, 5000)
    comparison.setVolumes(fixed, moving)
    comparison.setMode(Mode.DIFFERENCE)
    assert benches["Red"].pixels().max() == 0
    comparison.setMode(Mode.COLORS)
    red, green, blue = benches["Red"].at(0, 0, 0)
    assert red == green == blue > 200


def test_the_difference_shows_what_moved(comparison: Any, benches: Any, phantoms: Any) -> None:
    fixed, moving = phantoms.ball(20), phantoms.ball(20)
    transform = phantoms.translation(0, 0, 0)
    moving.SetAndObserveTransformNodeID(transform.GetID())
    comparison.setVolumes(fixed, moving)
    comparison.setMode(Mode.DIFFERENCE)
    assert benches["Red"].pixels().max() == 0
    phantoms.move(transform, 6, 0, 0)
    red = benches["Red"]
    assert red.at(23, 0, 0) == (255, 255, 255)
    assert red.at(-17, 0, 0) == (255, 255, 255)
    assert red.at(3, 0, 0) == (0, 0, 0)
    assert red.at(3, 26, 0) == (0, 0, 0)


def test_small_differences_are_amplified_and_need_both_volumes(views: Any) -> None:
    fixed = np.full((1, 4, 4), 255, np.uint8)
    moving = fixed.copy()
    fixed[0, :, 0] = 100, 100, 240, 240
    moving[0, :, 0] = 100, 132, 16, 16
    moving[0, 3, 3] = 0  # opacity: no data here
    joined = np.zeros((1, 4), np.uint32)
    Difference(views[0]).join(pixel(fixed), pixel(moving), joined)
    grays = (0, 32 * 255 // WHITE_DIFFERENCE, 255, 0)
    assert joined.view(np.uint8).reshape(4, 4).tolist() == [[v, v, v, 255] for v in grays]
    assert WHITE_DIFFERENCE < 200


@pytest.mark.parametrize("squareMm", [12.0, 30.0])
def test_squares_are_as_wide_as_asked(
    comparison: Any, benches: Any, phantoms: Any, squareMm: float
) -> None:
    dark, bright = (phantoms.volume(np.full((140, 140, 140), v, np.uint8)) for v in (0, 255))
    for volume in (dark, bright):
        volume.GetDisplayNode().SetAutoWindowLevel(False)
        volume.GetDisplayNode().SetWindowLevelMinMax(0, 255)
    comparison.options.squareMm = squareMm
    comparison.setVolumes(dark, bright)
    comparison.setMode(Mode.CHECKERBOARD)
    side = squareMm / 0.5  # pixels of half a millimeter
    for bench in benches.values():
        pixels = bench.pixels()[..., 0]
        rows, columns = np.indices(pixels.shape) // side
        expected = np.where((rows + columns) % 2 == 1, 255, 0)
        np.testing.assert_array_equal(pixels, expected)


def test_the_checkerboard_follows_the_transform(
    comparison: Any, benches: Any, phantoms: Any
) -> None:
    fixed, moving = phantoms.empty(), phantoms.ball(20)
    transform = phantoms.translation(0, 0, 0)
    moving.SetAndObserveTransformNodeID(transform.GetID())
    comparison.options.squareMm = 10
    comparison.setVolumes(fixed, moving)
    comparison.setMode(Mode.CHECKERBOARD)
    before = np.argwhere(benches["Red"].pixels()[..., 0] > 100).mean(axis=0)
    phantoms.move(transform, 20, 10, 0)  # whole squares
    after = np.argwhere(benches["Red"].pixels()[..., 0] > 100).mean(axis=0)
    rows, columns = after - before
    assert rows == pytest.approx(20, abs=1)
    assert abs(columns) == pytest.approx(40, abs=1)
