"""The scale beside a map: its colors, in order, in each view, until it is hidden."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import slicer

from RegQCScene.display.color_scale import SIZE, ColorScale, _colors


@pytest.fixture
def colored(phantoms: Any) -> Any:
    """A volume shown from red (2) to blue (8)."""
    node = phantoms.empty()
    colors = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLColorTableNode")
    colors.SetTypeToUser()
    colors.SetNumberOfColors(2)
    colors.SetColor(0, "low", 1, 0, 0, 1)
    colors.SetColor(1, "high", 0, 0, 1, 1)
    display = node.GetDisplayNode()
    display.SetAndObserveColorNodeID(colors.GetID())
    display.AutoWindowLevelOff()
    display.SetWindowLevelMinMax(2, 8)
    return node


def rows(pixels: Any, channel: int) -> Any:
    """Rows and columns where one color alone is bright."""
    others = [c for c in range(3) if c != channel]
    return np.argwhere((pixels[..., channel] > 200) & (pixels[..., others] < 60).all(axis=-1))


@pytest.mark.parametrize("left", [False, True])
def test_colors_stand_in_order_at_the_edge(
    benches: Any, views: Any, colored: Any, left: bool
) -> None:
    before = {name: bench.pixels() for name, bench in benches.items()}
    scale = ColorScale(left=left, views=lambda: views)
    scale.show(colored, "Error (mm)")
    for bench in benches.values():
        pixels = bench.pixels()
        low, high = rows(pixels, 0), rows(pixels, 2)
        assert len(low) > 100
        assert len(high) > 100
        assert low[:, 0].max() <= high[:, 0].min() + 1
        columns = np.concatenate([low, high])[:, 1] / pixels.shape[1]
        edge = columns.max() if left else 1 - columns.min()
        assert edge < SIZE[0] + 0.03
        assert (pixels.min(axis=-1) > 200).sum() > 50  # title and numbers are white
    scale.hide()
    for name, bench in benches.items():
        np.testing.assert_array_equal(bench.pixels(), before[name])


def test_another_range_replaces_the_scale(benches: Any, views: Any, colored: Any) -> None:
    scale = ColorScale(views=lambda: views)
    scale.show(colored, "Error (mm)")
    first = benches["Red"].pixels()
    colored.GetDisplayNode().SetWindowLevelMinMax(0, 1000)
    scale.show(colored, "Error (mm)")
    assert (benches["Red"].pixels() != first).any()
    assert len(rows(benches["Red"].pixels(), 0)) == len(rows(first, 0))
    scale.hide()


def test_views_are_asked_to_draw(benches: Any, views: Any, colored: Any) -> None:
    scale = ColorScale(views=lambda: views)
    requests = {name: bench.requests for name, bench in benches.items()}
    scale.show(colored, "Error (mm)")
    scale.hide()
    assert all(bench.requests >= requests[name] + 2 for name, bench in benches.items())


def test_values_that_are_left_clear_are_not_in_the_scale(colored: Any) -> None:
    display = colored.GetDisplayNode()
    display.SetThreshold(5, 1e6)
    display.ApplyThresholdOn()
    table = _colors(display)
    assert table.GetTableRange() == (5, 8)
    assert table.GetNumberOfTableValues() == 1
    np.testing.assert_allclose(table.GetTableValue(0), (0, 0, 1, 1))
