"""Masks from label maps and segmentations: at their place, and without touching the node."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk
from scene.scene_builders import SHAPE, addField, addLinear, addVolume, affineOf, under

from RegQCLib.errors import InputError
from RegQCLib.geometry.resample import resample
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCScene.mask_exchange import maskFromNode
from RegQCScene.volume_exchange import gridFromNode

BIG = (12, 14, 13)


@pytest.fixture
def reference(scene):
    return addVolume(np.zeros(BIG, np.float32), name="fixed")


def box(*bounds):
    marks = np.zeros(BIG, dtype=np.uint8)
    marks[tuple(slice(*bound) for bound in bounds)] = 1
    return marks


FIRST = box((2, 6), (3, 9), (1, 5))
SECOND = box((5, 10), (4, 6), (6, 12))


@pytest.fixture
def segmentation(reference):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "organs")
    node.SetReferenceImageGeometryParameterFromVolumeNode(reference)
    for name, marks in (("liver", FIRST), ("spleen", SECOND)):
        identity = node.GetSegmentation().AddEmptySegment(name, name)
        slicer.util.updateSegmentBinaryLabelmapFromArray(marks, node, identity, reference)
    return node


def onGrid(mask: Volume, reference) -> np.ndarray:
    return resample(mask, gridFromNode(reference), interpolation="nearest").array != 0


@pytest.mark.parametrize(
    ("segment", "expected", "name"),
    [("liver", FIRST, "liver"), ("spleen", SECOND, "spleen"), ("", FIRST | SECOND, "organs")],
)
def test_segments(reference, segmentation, segment, expected, name):
    before = segmentation.GetMTime(), segmentation.GetSegmentation().GetMTime()
    mask = maskFromNode(segmentation, segment)
    np.testing.assert_array_equal(onGrid(mask, reference), expected != 0)
    assert mask.name == name
    assert (segmentation.GetMTime(), segmentation.GetSegmentation().GetMTime()) == before


def test_segments_lie_where_their_transform_puts_them(reference, segmentation):
    matrix = Affine.rigid((10, 20, 30), (4, 5, 6)).matrix
    under(segmentation, addLinear(matrix))
    under(reference, addLinear(matrix))
    np.testing.assert_array_equal(
        onGrid(maskFromNode(segmentation, "liver"), reference), FIRST != 0
    )


def test_a_segment_that_is_only_a_surface(reference):
    sphere = vtk.vtkSphereSource()
    center = gridFromNode(reference).center
    sphere.SetCenter(*center)
    sphere.SetRadius(5.0)
    sphere.SetThetaResolution(40)
    sphere.SetPhiResolution(40)
    sphere.Update()
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "ball")
    node.SetSourceRepresentationToClosedSurface()
    node.AddSegmentFromClosedSurfaceRepresentation(sphere.GetOutput(), "ball", [1, 0, 0], "ball")
    found = onGrid(maskFromNode(node, "", reference), reference)
    distance = np.linalg.norm(gridFromNode(reference).points() - center, axis=-1)
    assert found[distance < 4].all()
    assert not found[distance > 6].any()
    assert not node.GetSegmentation().ContainsRepresentation("Binary labelmap")


def test_label_maps(reference):
    labels = addVolume(FIRST * 7, name="labels", className="vtkMRMLLabelMapVolumeNode")
    mask = maskFromNode(labels)
    np.testing.assert_array_equal(onGrid(mask, reference), FIRST != 0)
    assert mask.name == "labels"


def emptySegmentation():
    return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "organs")


def blankSegment():
    node = emptySegmentation()
    node.GetSegmentation().AddEmptySegment("liver", "liver")
    return node


def bentLabels():
    node = addVolume(np.ones(SHAPE, np.uint8), affineOf(), "labels", "vtkMRMLLabelMapVolumeNode")
    return under(node, addField(name="warp"))


@pytest.mark.parametrize(
    ("make", "segment", "words"),
    [
        (emptySegmentation, "", "holds no segment"),
        (blankSegment, "", "is empty"),
        (blankSegment, "heart", "has no segment heart"),
        (bentLabels, "", "warp"),
        (lambda: addLinear(np.eye(4), name="T"), "", "T: is no volume"),
        (lambda: None, "", "no mask is chosen"),
    ],
)
def test_what_cannot_be_used(scene, make, segment, words):
    with pytest.raises(InputError, match=words) as refused:
        maskFromNode(make(), segment)
    assert "\n" not in str(refused.value)
