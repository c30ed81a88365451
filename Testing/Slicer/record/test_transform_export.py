"""Exported files, read by SimpleITK, do what the scene shows."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
import vtk

from RegQCLib.errors import InputError
from RegQCLib.geometry.transforms import Affine
from RegQCScene.runner import BlockingRunner
from RegQCScene.transform_export import TransformExportJob

LPS = np.array([-1.0, -1.0, 1.0])


def run(job):
    said = {}
    BlockingRunner().start(
        job, onDone=lambda _: said.update(done=True), onFailed=lambda t: said.update(failed=t)
    )
    job.removeFolder()
    return said


def under(node, matrix, name):
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", name)
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    node.SetAndObserveTransformNodeID(transform.GetID())
    return transform


def sceneMap(fixed, moving, points):
    """What VTK says: own points of the fixed volume to own points of the moving one."""
    way = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(
        fixed.GetParentTransformNode(), moving.GetParentTransformNode(), way
    )
    return np.array([way.TransformPoint(p) for p in points])


@pytest.fixture
def points(session):
    extent = np.random.default_rng(1).uniform(0.3, 0.7, (15, 3)) * (29, 25, 11)
    matrix = vtk.vtkMatrix4x4()
    session.parameters.fixedVolume.GetIJKToRASMatrix(matrix)
    return Affine(slicer.util.arrayFromVTKMatrix(matrix)).apply(extent)


def test_both_directions_hold_with_transforms_above_both_volumes(session, points, tmp_path):
    fixed, moving = session.parameters.fixedVolume, session.parameters.movingVolume
    under(fixed, Affine.rigid((4, 0, -9), (5, 6, 7)).matrix, "table")
    under(moving, Affine.rigid((1, 2, 14), (3, 8, 6)).matrix, "moved")
    assert "done" in run(TransformExportJob(session.parameters, tmp_path / "out"))
    expected = sceneMap(fixed, moving, points)
    forward, back = (sitk.ReadTransform(str(tmp_path / "out" / name))
                     for name in ("transform.h5", "inverse.h5"))  # fmt: skip
    there = np.array([forward.TransformPoint((p * LPS).tolist()) for p in points]) * LPS
    np.testing.assert_allclose(there, expected, atol=1e-6)
    again = np.array([back.TransformPoint((p * LPS).tolist()) for p in there]) * LPS
    np.testing.assert_allclose(again, points, atol=1e-6)
    facts = json.loads((tmp_path / "out" / "transform.json").read_text())
    assert (facts["fixed"], facts["moving"], facts["kind"]) == ("flair.mha", "t1w.mha", "rigid")
    assert "3D Slicer" in (tmp_path / "out" / "transform.txt").read_text()


@pytest.mark.usefixtures("noChild")
def test_the_moved_volume_is_that_of_itk_and_lies_on_the_fixed_one(session, tmp_path):
    fixed, moving = session.parameters.fixedVolume, session.parameters.movingVolume
    table = under(fixed, Affine.rigid((0, 0, 6), (5, 0, 0)).matrix, "table")
    under(moving, Affine.rigid((0, 3, 6), (5, 2, -4)).matrix, "moved")
    slicer.util.saveNode(fixed, str(tmp_path / "f.nrrd"))
    slicer.util.saveNode(moving, str(tmp_path / "m.nrrd"))
    job = TransformExportJob(session.parameters, tmp_path / "out")
    run(job)
    assert job.moved.GetParentTransformNode() is table
    assert job.moved.GetName() == "t1w on flair"
    assert job.moved.GetStorageNode() is None
    ours, theirs = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    job.moved.GetIJKToRASMatrix(ours)
    fixed.GetIJKToRASMatrix(theirs)
    assert slicer.util.arrayFromVTKMatrix(ours).tolist() == (
        slicer.util.arrayFromVTKMatrix(theirs).tolist()
    )
    expected = sitk.Resample(
        sitk.ReadImage(str(tmp_path / "m.nrrd")),
        sitk.ReadImage(str(tmp_path / "f.nrrd")),
        sitk.ReadTransform(str(tmp_path / "out" / "transform.h5")),
        sitk.sitkLinear,
    )
    inner = (slice(4, -4), slice(6, -6), slice(6, -6))
    np.testing.assert_allclose(
        slicer.util.arrayFromVolume(job.moved)[inner],
        sitk.GetArrayFromImage(expected)[inner],
        atol=1e-3,
    )


@pytest.mark.usefixtures("noChild")
def test_a_bending_transform_is_exported_with_its_inverse(session, points, tmp_path):
    fixed, moving = session.parameters.fixedVolume, session.parameters.movingVolume
    spline = vtk.vtkThinPlateSplineTransform()
    source, target = vtk.vtkPoints(), vtk.vtkPoints()
    for corner in np.ndindex(2, 2, 2):
        place = (np.array(corner) - 0.5) * 120
        source.InsertNextPoint(place)
        target.InsertNextPoint(place)
    source.InsertNextPoint(0, 0, 0)
    target.InsertNextPoint(2.0, -1.0, 1.5)
    spline.SetSourceLandmarks(source)
    spline.SetTargetLandmarks(target)
    spline.SetBasisToR()
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "bent")
    node.SetAndObserveTransformFromParent(spline)
    moving.SetAndObserveTransformNodeID(node.GetID())
    said = run(TransformExportJob(session.parameters, tmp_path / "out", wantsMoved=False))
    assert said == {"done": True}
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert "displacement.nii.gz" in names
    assert "moved.nii.gz" not in names
    expected = sceneMap(fixed, moving, points)
    assert np.linalg.norm(expected - points, axis=1).max() > 0.5
    forward = sitk.ReadTransform(str(tmp_path / "out" / "transform.h5"))
    there = np.array([forward.TransformPoint((p * LPS).tolist()) for p in points]) * LPS
    np.testing.assert_allclose(there, expected, atol=0.08)
    facts = json.loads((tmp_path / "out" / "transform.json").read_text())
    assert facts["kind"] == "deformable"


@pytest.mark.usefixtures("noChild")
def test_the_volume_alone_can_be_made(session, tmp_path):
    job = TransformExportJob(session.parameters, None, interpolation="nearest")
    run(job)
    values = slicer.util.arrayFromVolume(session.parameters.movingVolume)
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(job.moved), values)
    assert list(tmp_path.iterdir()) == []


def test_bad_choices_are_refused(session, tmp_path):
    with pytest.raises(InputError, match="interpolation"):
        TransformExportJob(session.parameters, tmp_path / "x", interpolation="magic")
    session.parameters.movingVolume = session.parameters.fixedVolume
    with pytest.raises(InputError, match="both fixed and moving"):
        TransformExportJob(session.parameters, tmp_path / "x")
