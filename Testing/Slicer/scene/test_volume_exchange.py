"""Volume nodes as volumes: at the same place, whatever is above them, and never changed."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scene.scene_builders import (
    SHAPE,
    addField,
    addLinear,
    addVolume,
    affineOf,
    mapped,
    truth,
    under,
)

from RegQCLib.errors import InputError
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCScene.volume_exchange import (
    gridFromNode,
    labelVolumeFromNode,
    nodeFromVolume,
    requireImage,
    transformChain,
    volumeFromNode,
)

angle = st.floats(-180, 180)
length = st.floats(0.4, 4)
INDICES = np.array([[0, 0, 0], [5, 0, 0], [0, 6, 0], [0, 0, 4], [2, 3, 1]])


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    angles=st.tuples(angle, angle, angle),
    spacing=st.tuples(length, length, length),
    mirrored=st.booleans(),
    parents=st.lists(st.tuples(angle, angle, angle), max_size=3),
)
def test_voxels_lie_where_slicer_shows_them(scene, angles, spacing, mirrored, parents):
    node = addVolume(affine=affineOf(angles=angles, spacing=spacing, mirrored=mirrored))
    parent = None
    for number, turn in enumerate(parents):
        matrix = Affine.rigid(turn, (number, -3, 5)).matrix
        parent = addLinear(matrix, parent=parent)
    under(node, parent)
    toRas, toWorld = vtk.vtkMatrix4x4(), vtk.vtkGeneralTransform()
    node.GetIJKToRASMatrix(toRas)
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(parent, None, toWorld)
    own = np.array([toRas.MultiplyPoint((*index, 1))[:3] for index in INDICES])
    expected = mapped(toWorld, own)
    np.testing.assert_allclose(volumeFromNode(node).grid.to_world(INDICES), expected, atol=1e-9)
    np.testing.assert_allclose(
        volumeFromNode(node, world=False).grid.to_world(INDICES), own, atol=1e-9
    )
    assert gridFromNode(node).same_as(volumeFromNode(node).grid, tolerance_mm=1e-9)


def test_voxels_are_shared_and_the_node_is_not_touched(scene):
    array = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
    node = addVolume(array, name="CT")
    before = node.GetMTime(), node.GetImageData().GetMTime()
    volume = volumeFromNode(node)
    np.testing.assert_array_equal(volume.array, array)
    assert volume.array.dtype == np.int16
    assert volume.name == "CT"
    assert np.shares_memory(volume.array, slicer.util.arrayFromVolume(node))
    assert (node.GetMTime(), node.GetImageData().GetMTime()) == before


def test_an_image_that_counts_its_voxels_from_elsewhere(scene):
    """Views take VTK's index (4, 5, 3) to the place that the node's matrix gives (4, 5, 3)."""
    node = addVolume()
    expected = gridFromNode(node).to_world([4, 5, 3])
    image = node.GetImageData()
    image.SetExtent(3, 8, 4, 10, 2, 6)  # voxel (4, 5, 3) is now the second along each axis
    volume = volumeFromNode(node)
    assert volume.array[1, 1, 1] == image.GetScalarComponentAsDouble(4, 5, 3, 0)
    np.testing.assert_allclose(volume.grid.to_world([1, 1, 1]), expected, atol=1e-9)


def colorVolume():
    array = np.zeros((*SHAPE, 3), dtype=np.uint8)
    return addVolume(array, name="photo", className="vtkMRMLVectorVolumeNode")


def bentVolume():
    return under(addVolume(name="CT"), addLinear(np.eye(4), parent=addField(name="warp")))


def shearedVolume(**options):
    affine = affineOf()
    affine[:3, 2] += 0.3 * affine[:3, 1]
    return addVolume(affine=affine, name="tilted CT")


def shearingTransform():
    matrix = np.eye(4)
    matrix[0, 1] = 0.4
    return under(addVolume(name="CT"), addLinear(matrix, name="table"))


def removedVolume():
    node = addVolume(name="gone")
    slicer.mrmlScene.RemoveNode(node)
    return node


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: None, ["no fixed volume is chosen"]),
        (colorVolume, ["photo", "3 values a voxel", "Vector to Scalar"]),
        (lambda: addVolume(name="organs", className="vtkMRMLLabelMapVolumeNode"), ["label map"]),
        (bentVolume, ["CT", "warp", "non-linear", "harden"]),
        (shearedVolume, ["tilted CT", "perpendicular", "resample"]),
        (
            shearingTransform,
            ["CT", "under the transform table", "perpendicular", "resample", "take it out"],
        ),
        (removedVolume, ["gone", "removed"]),
        (lambda: slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "v"), ["no voxels"]),
        (lambda: slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode", "skull"), ["no volume"]),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(scene, make, words):
    with pytest.raises(InputError) as refused:
        volumeFromNode(make(), role="fixed volume")
    text = str(refused.value)
    assert "\n" not in text
    assert all(word in text for word in words), text


def test_a_bent_volume_can_be_read_in_its_own_space(scene):
    node = bentVolume()
    np.testing.assert_allclose(volumeFromNode(node, world=False).affine, affineOf())
    assert [one.GetName() for one in transformChain(node)] == ["linear", "warp"]


def test_a_bent_volume_can_be_read_after_hardening_as_the_message_says(scene):
    node = bentVolume()
    _linear, warp = transformChain(node)
    place = np.array([2.0, 3.0, 2.0])
    value = volumeFromNode(node, world=False).array[2, 3, 2]
    own = gridFromNode(node, world=False).to_world(place)
    toWorld = truth(warp, None)
    node.HardenTransform()
    assert node.GetParentTransformNode() is None
    volume = volumeFromNode(node)
    (moved,) = volume.grid.to_index(mapped(toWorld, [own]))
    corner = np.floor(moved).astype(int)[::-1]
    around = volume.array[tuple(slice(one, one + 2) for one in corner)]
    assert around.min() - 1 <= value <= around.max() + 1


def test_label_maps_are_masks_but_no_images(scene):
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[2, 3, 4] = 7
    node = addVolume(labels, className="vtkMRMLLabelMapVolumeNode")
    np.testing.assert_array_equal(labelVolumeFromNode(node).array, labels)
    with pytest.raises(InputError):
        requireImage(node, "moving volume")


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64, np.bool_])
def test_a_volume_becomes_a_node_and_returns(scene, dtype):
    array = (np.arange(np.prod(SHAPE)).reshape(SHAPE) % 2).astype(dtype)
    node = nodeFromVolume(Volume(array, affineOf(mirrored=True)), "copy")
    back = volumeFromNode(node)
    np.testing.assert_array_equal(back.array, array)
    np.testing.assert_allclose(back.affine, affineOf(mirrored=True), atol=1e-12)
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(node), array)
