"""Slice views jump to a slice and show a volume over the others."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from scene.scene_builders import addVolume

from RegQCLib.geometry.transforms import Affine
from RegQCScene import slice_views
from RegQCScene.slice_views import hideOverlay, jumpToPoint, jumpToSlice, showOverlay, showPair

PLANES = {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}


@pytest.fixture
def views(scene, monkeypatch):
    """Three views, alone even where another test has opened windows."""
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    nodes, shown = {}, []
    for name, orientation in PLANES.items():
        node = scene.AddNewNodeByClass("vtkMRMLSliceNode", name)  # with the scene's presets
        node.SetLayoutName(f"test {name}")
        node.SetOrientation(orientation)
        nodes[name] = node
        shown.append(scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode", name))
        shown[-1].SetLayoutName(f"test {name}")
    monkeypatch.setattr(slice_views, "sliceNodes", lambda: list(nodes.values()))
    monkeypatch.setattr(slice_views, "compositeNodes", lambda: shown)
    yield nodes
    for node in (*nodes.values(), *shown):  # views outlive their scene
        scene.RemoveNode(node)


def offset(node) -> float:
    """How far along its normal a view lies."""
    matrix = slicer.util.arrayFromVTKMatrix(node.GetSliceToRAS())
    return float(matrix[:3, 2] @ matrix[:3, 3])


def composites():
    return slice_views.compositeNodes()


@pytest.mark.parametrize(
    ("axis", "name", "place"),
    [("axial", "Red", 2), ("sagittal", "Yellow", 0), ("coronal", "Green", 1)],
)
def test_the_view_of_the_plane_moves_alone(views, axis, name, place):
    before = {one: offset(node) for one, node in views.items()}
    position = np.array([12.0, -34.0, 56.0])
    assert jumpToSlice(axis, position) == [views[name]]
    assert abs(offset(views[name])) == pytest.approx(abs(position[place]))
    for other in set(views) - {name}:
        assert offset(views[other]) == before[other]


def test_oblique_slices(views):
    turned = Affine.rigid((20, 0, 0)).matrix[:3, :3]
    position = turned @ np.array([0.0, 0.0, 30.0])
    (node,) = jumpToSlice("axial", position, turned[:, 2])
    assert node is views["Red"]
    assert offset(node) == pytest.approx(position[2])


def test_without_a_view_of_that_plane_all_meet_there(views):
    for node in views.values():
        node.SetOrientation("Axial")
    assert len(jumpToSlice("coronal", [1, 2, 3])) == 3
    assert [offset(node) for node in views.values()] == pytest.approx([3, 3, 3])


def test_a_view_of_that_plane_that_nobody_sees_is_not_enough(views):
    views["Red"].SetMappedInLayout(True)
    assert len(jumpToSlice("coronal", [1, 2, 3])) == 3
    assert offset(views["Red"]) == pytest.approx(3)


def test_all_views_meet_at_a_point(views):
    jumpToPoint([10, 20, 30])
    assert {name: abs(offset(node)) for name, node in views.items()} == pytest.approx(
        {"Red": 30, "Yellow": 10, "Green": 20}
    )


def test_an_overlay_leaves_the_pair_alone(views):
    fixed, moving, errors, other = (addVolume(name=name) for name in "abcd")
    showPair(fixed, moving, 0.3)
    showOverlay(errors, 0.4)
    showOverlay(other, 0.2)
    showOverlay(errors, 0.6)
    for node in composites():
        assert node.GetBackgroundVolumeID() == fixed.GetID()
        assert node.GetForegroundVolumeID() == moving.GetID()
        assert node.GetForegroundOpacity() == 0.3
        layers = [node.GetNthLayerVolumeID(n) for n in (3, 4)]
        assert layers == [errors.GetID(), other.GetID()]
        assert node.GetNthLayerOpacity(3) == 0.6
    hideOverlay(errors)
    hideOverlay(None)
    for node in composites():
        assert node.GetNumberOfAdditionalLayers() == 1
        assert node.GetNthLayerVolumeID(3) == other.GetID()
        assert node.GetNthLayerOpacity(3) == 0.2, "the other overlay looks as before"
