"""The scene bootstrap and reading and writing, against nibabel and NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import slicer
import vtk

SAMPLE = Path(__file__).resolve().parents[4] / "Resources" / "SampleData"


def affine(volume: Any) -> np.ndarray:
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def translated(name: str, x: float) -> Any:
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", name)
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, x)
    node.SetMatrixTransformToParent(matrix)
    return node


def test_a_volume_is_read_as_nibabel_reads_it(pair: tuple[Any, Any]) -> None:
    image = nib.load(SAMPLE / "flair.nii.gz")
    np.testing.assert_allclose(affine(pair[0]), image.affine, atol=1e-4)
    np.testing.assert_allclose(
        slicer.util.arrayFromVolume(pair[0]), np.asarray(image.dataobj).transpose(2, 1, 0)
    )


def test_a_missing_file_raises(scene: Any) -> None:
    with pytest.raises(RuntimeError, match=r"gone\.nrrd"):
        slicer.util.loadVolume("gone.nrrd")


def test_a_scene_comes_back_from_one_file(scene: Any, tmp_path: Path) -> None:
    volume = slicer.util.addVolumeFromArray(np.arange(24.0).reshape(2, 3, 4), name="v")
    volume.SetAndObserveTransformNodeID(translated("t", 7.0).GetID())
    assert slicer.util.saveScene(str(tmp_path / "s.mrb"))
    scene.Clear()
    slicer.util.loadScene(str(tmp_path / "s.mrb"))
    check_scene()


def test_a_scene_comes_back_from_its_parts(scene: Any, tmp_path: Path) -> None:
    volume = slicer.util.addVolumeFromArray(np.arange(24.0).reshape(2, 3, 4), name="v")
    volume.SetAndObserveTransformNodeID(translated("t", 7.0).GetID())
    assert slicer.util.saveNode(volume, str(tmp_path / "v.nrrd"))
    assert slicer.util.saveNode(slicer.util.getNode("t"), str(tmp_path / "t.h5"))
    assert slicer.util.saveScene(str(tmp_path / "s.mrml"))
    scene.Clear()
    slicer.util.loadScene(str(tmp_path / "s.mrml"))
    check_scene()


def check_scene() -> None:
    volume = slicer.util.getNode("v")
    np.testing.assert_array_equal(
        slicer.util.arrayFromVolume(volume), np.arange(24.0).reshape(2, 3, 4)
    )
    assert slicer.util.arrayFromTransformMatrix(volume.GetParentTransformNode())[0, 3] == 7.0


def test_export_in_world_coordinates_moves_the_volume(scene: Any, tmp_path: Path) -> None:
    volume = slicer.util.addVolumeFromArray(np.zeros((2, 3, 4)), name="v")
    volume.SetAndObserveTransformNodeID(translated("t", 7.0).GetID())
    count = scene.GetNumberOfNodes()
    assert slicer.util.exportNode(volume, str(tmp_path / "v.nii.gz"), {}, world=True)
    assert scene.GetNumberOfNodes() == count
    assert nib.load(tmp_path / "v.nii.gz").affine[0, 3] == pytest.approx(7.0)


def test_clearing_keeps_what_an_application_needs(scene: Any) -> None:
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", "text")
    scene.Clear()
    assert slicer.util.getNodesByClass("vtkMRMLTextNode") == []
    for kind in ("Crosshair", "Selection", "Interaction"):
        assert len(slicer.util.getNodesByClass(f"vtkMRML{kind}Node")) == 1, kind
    assert slicer.util.getNode("Grey").GetNumberOfColors() == 256


def test_nodes_have_an_item_in_the_subject_hierarchy(scene: Any) -> None:
    hierarchy = scene.GetSubjectHierarchyNode()
    volume = slicer.util.addVolumeFromArray(np.zeros((2, 2, 2)), name="v")
    item = hierarchy.GetItemByDataNode(volume)
    assert hierarchy.GetItemParent(item) == hierarchy.GetSceneItemID()
    scene.RemoveNode(volume)
    assert slicer.util.getSubjectHierarchyItemChildren() == []


def test_a_folder_of_nodes_is_saved_with_the_scene(scene: Any, tmp_path: Path) -> None:
    hierarchy = scene.GetSubjectHierarchyNode()
    text = scene.AddNewNodeByClass("vtkMRMLTextNode", "text")
    folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "folder")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(text), folder)
    slicer.util.saveScene(str(tmp_path / "s.mrb"))
    scene.Clear()
    slicer.util.loadScene(str(tmp_path / "s.mrb"))
    hierarchy = scene.GetSubjectHierarchyNode()
    item = hierarchy.GetItemByDataNode(slicer.util.getNode("text"))
    assert hierarchy.GetItemName(hierarchy.GetItemParent(item)) == "folder"
    assert len(slicer.util.getSubjectHierarchyItemChildren(recursive=True)) == 2


def test_errors_of_vtk_are_kept(scene: Any) -> None:
    from SlicerHost.core import startCore

    reader = vtk.vtkXMLImageDataReader()
    reader.SetFileName("gone.vti")
    reader.Update()
    messages = startCore().messages
    assert "gone.vti" in messages.errors[0]
    messages.clear()
    assert messages.errors == []
