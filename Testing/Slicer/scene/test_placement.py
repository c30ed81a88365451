"""Where a pair lies: told again after any change, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk
from scene.scene_builders import addField, addLinear, addThinPlate, addVolume, affineOf, under
from vtk.util.numpy_support import vtk_to_numpy

from RegQCLib.geometry.transforms import Affine
from RegQCScene import placement as module
from RegQCScene.placement import MOST_NUMBERS, isSamePlace, placement


@pytest.fixture
def pair(scene):
    """Two small oblique volumes."""
    array = np.random.default_rng(0).normal(size=(8, 10, 12)).astype(np.float32)
    return [addVolume(array, affineOf(), name) for name in ("fixed", "moving")]


def vectorsOf(node):
    """The image of a field's node; vectors of it may be changed in place."""
    way = vtk.vtkGeneralTransform()
    node.GetTransformToWorld(way)
    parts = vtk.vtkCollection()
    slicer.vtkMRMLTransformNode.FlattenGeneralTransform(parts, way)
    return parts.GetItemAsObject(0).GetDisplacementGrid()


def test_a_translation_and_its_undoing(pair):
    before = placement(*pair)
    parent = addLinear(Affine.rigid((0, 0, 0), (0.02, 0, 0)).matrix)
    under(pair[1], parent)
    moved = placement(*pair)
    assert not isSamePlace(before, moved)
    assert moved["bends"] == []
    parent.SetMatrixTransformToParent(vtk.vtkMatrix4x4())
    assert isSamePlace(before, placement(*pair))


def test_moving_both_together_is_no_move(pair):
    before = placement(*pair)
    for node in pair:
        under(node, addLinear(Affine.rigid((3, 2, 1), (5, 6, 7)).matrix))
    assert isSamePlace(before, placement(*pair))


@pytest.mark.parametrize("fromParent", [True, False])
def test_a_single_vector_counts(pair, fromParent):
    node = addField(fromParent=fromParent)
    under(pair[1], node)
    before = placement(*pair)
    image = vectorsOf(node)
    vectors = vtk_to_numpy(image.GetPointData().GetScalars())
    vectors[len(vectors) // 3, 1] += 0.02
    image.GetPointData().GetScalars().Modified()
    assert not isSamePlace(before, placement(*pair))
    vectors[len(vectors) // 3, 1] -= 0.02
    image.GetPointData().GetScalars().Modified()
    assert isSamePlace(before, placement(*pair))


def test_the_place_of_a_field_counts(pair):
    """The same vectors somewhere else are another transform, even where no noted point tells."""
    node = addField()
    under(pair[1], node)
    before = placement(*pair)["bends"]
    image = vectorsOf(node)
    image.SetOrigin(*np.add(image.GetOrigin(), (0.5, 0, 0)))
    assert placement(*pair)["bends"] != before


def test_splines_count_by_what_they_do(pair):
    under(pair[1], addThinPlate())
    before = placement(*pair)
    under(pair[1], addThinPlate())
    assert isSamePlace(before, placement(*pair))
    under(pair[1], addThinPlate(offset=0.1))
    assert not isSamePlace(before, placement(*pair))


def test_a_chosen_transform_counts_as_if_it_lay_above(pair):
    chosen = addField()
    under(pair[1], chosen)
    above = placement(*pair)
    under(pair[1], None)
    assert isSamePlace(above, placement(*pair, chosen))
    assert not isSamePlace(above, placement(*pair))


def test_no_placement_is_like_no_other(pair):
    assert isSamePlace(None, None)
    assert not isSamePlace(None, placement(*pair))


def test_a_large_field_is_read_in_part_and_once(pair, monkeypatch):
    hashed, read = module._hashed, []
    monkeypatch.setattr(
        module, "_hashed", lambda values: read.append(values.size) or hashed(values)
    )
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "large")
    image = vtk.vtkImageData()
    image.SetDimensions(160, 160, 160)
    image.AllocateScalars(vtk.VTK_FLOAT, 3)
    values = vtk_to_numpy(image.GetPointData().GetScalars())
    values[:] = 0
    field = slicer.vtkOrientedGridTransform()
    field.SetDisplacementGridData(image)
    node.SetAndObserveTransformFromParent(field)
    under(pair[1], node)
    before = placement(*pair)
    assert 10_000 < max(read) <= MOST_NUMBERS
    values.reshape(160, 160, 160, 3)[50:54, 60:64, 70:74, 0] = 0.5
    image.GetPointData().GetScalars().Modified()
    assert not isSamePlace(before, placement(*pair))
    read.clear()
    placement(*pair)
    assert max(read) < 100, "the vectors were read again"
