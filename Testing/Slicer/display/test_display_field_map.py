"""Maps of transforms against closed forms, and what is drawn of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import slicer

from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.jacobian import jacobian_determinant
from RegQCLib.geometry.transforms import Affine
from RegQCScene.display import field_map
from RegQCScene.display.field_map import FieldMap, MapKind, fieldMapSteps, mapGrid
from RegQCScene.display.field_map_node import showAll, showFoldedOnly, updateFieldMap
from RegQCScene.slice_views import showOverlay

OBLIQUE = np.array([[0.0, -2.0, 0, 10], [1.5, 0, 0, -7], [0, 0, -3.0, 4], [0, 0, 0, 1]])


def computed(transform: Any, grid: Grid, kind: MapKind) -> FieldMap:
    steps = fieldMapSteps(transform, grid, kind)
    fractions = []
    while True:
        try:
            fractions.append(next(steps))
        except StopIteration as stop:
            assert fractions == sorted(fractions)
            assert fractions[-1] == 1
            return stop.value


def waves(grid: Grid, size: float) -> DisplacementField:
    x, y, z = np.moveaxis(grid.points(), -1, 0)
    return DisplacementField(
        size * np.stack([np.sin(y / 7), np.cos(z / 9), np.sin(x / 5)]), grid.affine
    )


def test_affine_transforms_have_one_volume_change(monkeypatch: Any) -> None:
    monkeypatch.setattr(field_map, "STEP_VOXELS", 200)
    affine = Affine.from_parameters(scale=(1.2, 0.9, 1.1), rotation_deg=(3, 5, 7))
    grid = Grid((7, 9, 11), OBLIQUE)
    result = computed(affine, grid, MapKind.JACOBIAN)
    np.testing.assert_allclose(result.values, 1.2 * 0.9 * 1.1, rtol=1e-5)
    lengths = np.linalg.norm(affine.apply(grid.points()) - grid.points(), axis=-1)
    result = computed(affine, grid, MapKind.MAGNITUDE)
    np.testing.assert_allclose(result.values, lengths, rtol=1e-5)


@pytest.mark.parametrize("voxels", [50, 300, 10**6])
def test_steps_change_nothing(monkeypatch: Any, voxels: int) -> None:
    monkeypatch.setattr(field_map, "STEP_VOXELS", voxels)
    field = waves(Grid((8, 10, 12), OBLIQUE), 20.0)
    result = computed(field, mapGrid(field, Grid((3, 3, 3), np.eye(4))), MapKind.JACOBIAN)
    expected = jacobian_determinant(field)
    np.testing.assert_allclose(result.values, expected, rtol=1e-4, atol=1e-4)
    assert result.foldedVoxels == np.count_nonzero(expected <= 0) > 0


def test_large_volumes_leave_out_voxels(monkeypatch: Any) -> None:
    monkeypatch.setattr(field_map, "MAX_VOXELS", 500)
    fixed = Grid((20, 21, 22), OBLIQUE)
    grid = mapGrid(Affine.identity(), fixed)
    assert np.prod(grid.shape) <= 1000
    np.testing.assert_allclose(grid.origin, fixed.origin)
    far = grid.to_world(np.array(grid.shape[::-1]) - 1)
    assert np.all(np.abs(fixed.to_index(far) - (np.array(fixed.shape[::-1]) - 1)) < 3)


@pytest.fixture
def mapped(phantoms: Any, benches: Any) -> Any:
    """A map that shrinks on the left, keeps in the middle, and folds on the right."""
    fixed, moving = phantoms.empty(), phantoms.empty()
    values = np.full((30, 30, 30), 1.0, np.float32)
    values[:, :, :10] = 0.6
    values[:, :, 20:] = -0.3
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = -29
    result = FieldMap(MapKind.JACOBIAN, values, Grid(values.shape, affine))
    node = updateFieldMap(None, result, fixed, moving)
    for bench in benches.values():
        bench.view.compositeNode.SetBackgroundVolumeID(fixed.GetID())
    showOverlay(node, 1.0)
    return node, result, fixed, moving


def test_colors_say_shrunk_kept_and_folded(mapped: Any, benches: Any) -> None:
    shrunk, kept, folded = (benches["Red"].at(x, 0, 0) for x in (-20, 0, 20))
    assert shrunk[2] > shrunk[0] + 60  # blue
    assert min(kept) > 230  # white
    assert folded[0] > 240
    assert folded[2] > 240
    assert folded[1] < 10  # magenta


def test_folded_voxels_alone(mapped: Any, benches: Any) -> None:
    node, result, *_ = mapped
    showFoldedOnly(node)
    shrunk, kept, folded = (benches["Red"].at(x, 0, 0) for x in (-20, 0, 20))
    assert shrunk == kept == (0, 0, 0)
    assert folded[0] > 240
    assert folded[1] < 10
    showAll(node, result)
    assert benches["Red"].at(-20, 0, 0) != (0, 0, 0)


def test_another_map_fills_the_same_node(mapped: Any, scene: Any) -> None:
    node, result, fixed, moving = mapped
    before = scene.GetNumberOfNodes()
    values = np.linspace(0, 8, result.values.size, dtype=np.float32).reshape(result.values.shape)
    again = updateFieldMap(node, FieldMap(MapKind.MAGNITUDE, values, result.grid), fixed, moving)
    assert again is node
    assert scene.GetNumberOfNodes() == before
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(node), values)
    assert node.GetDisplayNode().GetWindow() == pytest.approx(8)
