"""Corresponding points on the fixed and on the original moving image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import slicer

from RegQCScene.display.linked_crosshair import LinkedCrosshair

POINT = np.array([12.0, -7.0, 5.0])
PARTNER = POINT + np.array([-6.0, -4.0, 2.0])


@pytest.fixture
def link(scene: Any) -> Iterator[LinkedCrosshair]:
    made = LinkedCrosshair()
    yield made
    made.close()


@pytest.fixture
def pairUnderTransforms(phantoms: Any) -> Any:
    """Balls; the moving one is under a deformation, and that under a translation."""
    fixed, moving = phantoms.ball(20), phantoms.ball(20)
    field, shift = phantoms.uniformField(-6, 0, 2), phantoms.translation(0, 4, 0)
    field.SetAndObserveTransformNodeID(shift.GetID())
    moving.SetAndObserveTransformNodeID(field.GetID())
    return fixed, moving, None


def mouseAt(bench: Any, point: Any) -> None:
    """What Slicer's views do when the mouse moves over them."""
    x, y, _ = bench.view.toPixel(np.asarray(point))
    crosshair = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    crosshair.SetCursorPositionXYZ([x, y, 0.0], bench.view.sliceNode)


def cyan(bench: Any) -> Any:
    """(N, 3) RAS of the mark's pixels."""
    pixels = bench.pixels().astype(int)
    found = (pixels[..., 0] < 80) & (pixels[..., 1] > 150) & (pixels[..., 2] > 170)
    return np.array([bench.view.toWorld((x, y)) for y, x in np.argwhere(found)]).reshape(-1, 3)


def test_points_correspond_through_all_transforms(
    link: LinkedCrosshair, benches: Any, pairUnderTransforms: Any
) -> None:
    link.start(pairUnderTransforms, [benches["Red"].view], [benches["Yellow"].view])
    # the translation moves by +4 along A, the field maps fixed to moving points
    np.testing.assert_allclose(link.toMoving(POINT), PARTNER, atol=1e-3)
    np.testing.assert_allclose(link.toFixed(PARTNER), POINT, atol=1e-2)


def test_the_mouse_marks_and_moves_the_other_image(
    link: LinkedCrosshair, benches: Any, pairUnderTransforms: Any
) -> None:
    fixedBench, movingBench = benches["Red"], benches["Green"]
    fixed, *_ = pairUnderTransforms
    fixedBench.view.compositeNode.SetBackgroundVolumeID(fixed.GetID())
    fixedBench.center(120, POINT)
    seen = []
    link.moved.connect(lambda *points: seen.append(points))
    link.start(pairUnderTransforms, [fixedBench.view], [movingBench.view])
    mouseAt(fixedBench, POINT)
    np.testing.assert_allclose(seen[-1], (POINT, PARTNER), atol=1e-3)
    offset = movingBench.view.toWorld((0, 0))[1]
    assert offset == pytest.approx(PARTNER[1], abs=1e-3)  # the coronal slice through the point
    for bench, point in ((fixedBench, POINT), (movingBench, PARTNER)):
        mark = cyan(bench)
        assert len(mark) > 40
        np.testing.assert_allclose(mark.mean(axis=0), point, atol=bench.view.pixelMm)
        gap = np.linalg.norm(mark - point, axis=1).min() / bench.view.pixelMm
        assert gap > 3  # the point itself stays visible


def test_the_mouse_over_the_moving_image_moves_the_fixed_one(
    link: LinkedCrosshair, benches: Any, pairUnderTransforms: Any
) -> None:
    fixedBench, movingBench = benches["Red"], benches["Green"]
    link.start(pairUnderTransforms, [fixedBench.view], [movingBench.view])
    movingBench.center(120, PARTNER)
    mouseAt(movingBench, PARTNER)
    assert fixedBench.view.toWorld((0, 0))[2] == pytest.approx(POINT[2], abs=0.05)


def test_the_moving_image_is_shown_without_its_transform(
    link: LinkedCrosshair, benches: Any, pairUnderTransforms: Any
) -> None:
    bench = benches["Red"]
    bench.view.compositeNode.SetBackgroundVolumeID(pairUnderTransforms[1].GetID())
    bench.center(120)
    moved = np.argwhere(bench.pixels()[..., 0] > 128).mean(axis=0)
    link.start(pairUnderTransforms, [], [bench.view])
    bench.center(120)
    own = np.argwhere(bench.pixels()[..., 0] > 128).mean(axis=0)
    np.testing.assert_allclose(own, 119.5, atol=1)
    assert np.abs(moved - own).max() > 7
    link.stop()
    assert bench.view.compositeNode.GetBackgroundVolumeID() == pairUnderTransforms[1].GetID()


def test_corrections_move_the_link(link: LinkedCrosshair, benches: Any, phantoms: Any) -> None:
    fixed, moving, shift = phantoms.ball(20), phantoms.ball(20), phantoms.translation(1, 0, 0)
    moving.SetAndObserveTransformNodeID(shift.GetID())
    link.start((fixed, moving, None), [], [])
    np.testing.assert_allclose(link.toMoving(POINT), POINT - (1, 0, 0))
    phantoms.move(shift, 9, 0, 0)
    np.testing.assert_allclose(link.toMoving(POINT), POINT - (9, 0, 0))
    moving.SetAndObserveTransformNodeID(phantoms.translation(0, 5, 0).GetID())
    np.testing.assert_allclose(link.toMoving(POINT), POINT - (0, 5, 0))


def test_nothing_is_left(link: LinkedCrosshair, benches: Any, pairUnderTransforms: Any) -> None:
    scene = slicer.mrmlScene
    before = scene.GetNumberOfNodes()
    views = [bench.view for bench in benches.values()]
    link.start(pairUnderTransforms, views[:1], views[1:])
    assert scene.GetNumberOfNodes() == before + 2
    link.stop()
    assert scene.GetNumberOfNodes() == before
    link.start(pairUnderTransforms, views[:1], views[1:])
    scene.RemoveNode(pairUnderTransforms[1])
    assert not link.active
    assert views[1].compositeNode.GetBackgroundVolumeID() is None
    mouseAt(benches["Red"], (1, 2, 0))  # nothing listens any more
