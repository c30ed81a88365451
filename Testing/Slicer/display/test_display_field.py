"""How a transform is drawn: direction, distances, views."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import slicer
from SlicerHost.displayable_managers import createGroup

from RegQCLib.geometry.grid import Grid
from RegQCScene.display.field_display import (
    FieldDisplay,
    FieldKind,
    contourLevelsMm,
    fieldSpacingMm,
)


@pytest.fixture
def field(scene: Any) -> Iterator[FieldDisplay]:
    made = FieldDisplay()
    yield made
    made.close()


@pytest.fixture
def drawn(benches: Any, scene: Any) -> Any:
    """Views that draw transforms; returns where something colored is drawn, as RAS."""
    scene.AddNode(slicer.vtkMRMLInteractionNode())
    factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
    names = ("vtkMRMLTransformsDisplayableManager2D",)
    groups = [
        createGroup(factory, names, bench.view.renderer, bench.view.sliceNode)
        for bench in benches.values()
    ]

    def where(name: str) -> Any:
        bench = benches[name]
        pixels = bench.pixels().astype(int)
        colored = np.ptp(pixels, axis=2) > 60
        return np.array([bench.view.toWorld((x, y)) for y, x in np.argwhere(colored)])

    yield where
    groups.clear()


@pytest.mark.parametrize(
    ("shape", "voxelMm", "expected"),
    [
        ((180, 220, 200), 1.0, 20.0),  # a head: 11 lines
        ((60, 100, 80), 0.1, 0.5),  # a mouse
        ((30, 320, 320), 1.25, 20.0),
        ((8, 8, 8), 4.0, 20.0),  # never closer than four voxels
    ],
)
def test_spacing_comes_from_the_volume(shape: Any, voxelMm: float, expected: float) -> None:
    spacing = fieldSpacingMm(Grid(shape, np.diag([voxelMm, voxelMm, voxelMm, 1])))
    assert spacing == pytest.approx(expected)


@pytest.mark.parametrize("largest", [0.0, 0.37, 4.9, 61.0])
def test_contours_are_few_and_round(largest: float) -> None:
    levels = contourLevelsMm(largest)
    assert 1 <= len(levels) <= 6
    assert np.all(np.diff(levels) > 0)
    assert largest == 0 or levels[-1] <= max(largest, levels[0])
    for level in levels[:1]:
        mantissa = level / 10 ** np.floor(np.log10(level * 1.0000001))
        assert min(abs(mantissa - m) for m in (1, 2, 5)) < 1e-6


def test_arrows_lead_from_fixed_to_moving_points(
    field: FieldDisplay, drawn: Any, benches: Any, phantoms: Any
) -> None:
    fixed, moving = phantoms.empty(), phantoms.ball(20)
    # the volume is moved by +9 along R, so the moving point lies at -9
    shift = phantoms.translation(9, 0, 0)
    moving.SetAndObserveTransformNodeID(shift.GetID())
    field.show((fixed, moving, None), FieldKind.GLYPH)
    assert field.largestMm == pytest.approx(9)
    assert field.exaggeration == 1
    assert field.spacingMm == 5
    node = slicer.util.getNode("RegQC field")
    assert node.GetTransformToParent().TransformPoint(1, 2, 3) == pytest.approx((-8, 2, 3))
    assert len(drawn("Red")) > 100
    assert len(drawn("Green")) > 100
    assert len(drawn("Yellow")) == 0  # seen from their end
    field.hide()
    assert len(drawn("Red")) == 0


def test_a_grid_is_bent_where_the_field_is_and_follows_it(
    field: FieldDisplay, drawn: Any, phantoms: Any
) -> None:
    fixed, moving = phantoms.empty(), phantoms.ball(20)
    shift = phantoms.translation(4, 0, 0)  # no movement is gray, like the image
    moving.SetAndObserveTransformNodeID(shift.GetID())
    field.show((fixed, moving, None), FieldKind.GRID)
    before = columns(drawn("Red"))
    changes = []
    field.changed.connect(lambda: changes.append(1))
    phantoms.move(shift, 6, 0, 0)
    assert changes
    field.refresh()
    after = columns(drawn("Red"))
    # lines move the way fixed points go, to -2
    np.testing.assert_allclose((after - before + 2.5) % 5 - 2.5, -2, atol=0.6)


def columns(points: Any) -> Any:
    """R of a vertical grid line, modulo the distance of lines."""
    values, counts = np.unique(np.round(points[:, 0], 2), return_counts=True)
    lines = values[counts > 0.9 * counts.max()]
    angle = np.angle(np.mean(np.exp(2j * np.pi * lines / 5)))
    return angle / (2 * np.pi) * 5


def test_in_one_view_only(field: FieldDisplay, drawn: Any, benches: Any, phantoms: Any) -> None:
    fixed, moving = phantoms.empty(), phantoms.ball(20)
    moving.SetAndObserveTransformNodeID(phantoms.uniformField(3, 4, 0).GetID())
    only = [benches["Green"].view.sliceNode]
    field.show((fixed, moving, None), FieldKind.GRID, viewNodes=only)
    assert len(drawn("Red")) == len(drawn("Yellow")) == 0
    assert len(drawn("Green")) > 100
    field.show((fixed, moving, None), FieldKind.GRID)
    assert min(len(drawn(name)) for name in benches) > 100


def test_small_displacements_are_drawn_longer_and_said_to_be(
    field: FieldDisplay, drawn: Any, phantoms: Any
) -> None:
    fixed, moving = phantoms.empty(), phantoms.ball(20)
    moving.SetAndObserveTransformNodeID(phantoms.translation(0.2, 0, 0).GetID())
    field.show((fixed, moving, None), FieldKind.GLYPH)
    assert field.exaggeration == 20  # 4 mm of 5 mm between arrows
    field.show((fixed, moving, None), FieldKind.GRID)
    assert field.exaggeration == 1


def test_neither_the_users_transform_nor_the_scene_keeps_a_trace(
    field: FieldDisplay, benches: Any, phantoms: Any, scene: Any, tmp_path: Any
) -> None:
    fixed, moving = phantoms.empty(), phantoms.ball(20)
    shift = phantoms.translation(3, 0, 0)
    shift.CreateDefaultDisplayNodes()
    moving.SetAndObserveTransformNodeID(shift.GetID())
    before = scene.GetNumberOfNodes(), shift.GetDisplayNode().GetMTime()
    field.show((fixed, moving, None), FieldKind.CONTOUR, inThreeD=True)
    path = tmp_path / "scene.mrml"
    scene.SetURL(str(path))
    scene.Commit(str(path))
    assert "RegQC field" not in path.read_text()
    field.hide()
    assert (scene.GetNumberOfNodes(), shift.GetDisplayNode().GetMTime()) == before
    field.show((fixed, moving, None), FieldKind.GRID)
    scene.RemoveNode(moving)
    assert not field.shown
