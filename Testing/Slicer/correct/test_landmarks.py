"""Landmarks in the scene: their spaces, their errors in mm, and corrections made of them."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk
from correct.support import MOTION, field, mapped, names, pairParameters
from qc.support import grid_around_origin, picture

from RegQCLib.cli import suggest_worker
from RegQCLib.errors import InputError
from RegQCLib.geometry.transforms import Affine
from RegQCLib.registration.landmarks import fit_landmarks
from RegQCScene import suggestion_job
from RegQCScene.command_stack import CommandStack
from RegQCScene.landmark_fit import fitLandmarks, thinPlate
from RegQCScene.landmark_pairs import (
    addSuggestions,
    imagePoints,
    nextSide,
    pairsOf,
    removePair,
    setUsed,
    startLandmarks,
    waitingPoint,
)
from RegQCScene.preview import keepPreview, showPreview
from RegQCScene.runner import BlockingRunner
from RegQCScene.suggestion_job import SuggestionJob
from RegQCScene.transform_exchange import transformNodeFromRegQC
from RegQCScene.transform_parts import mappedPoints
from RegQCScene.volume_exchange import nodeFromVolume
from RegQCScene.working_transform import WorkingState, correct, startWorking

random = np.random.default_rng(5)
PLACES = random.uniform(-12, 12, (8, 3))
LEFT = Affine.rigid(rotation_deg=(3, -2, 4), translation_mm=(2, 1, -3))
"""What the user's own transform leaves to be corrected, fixed to moving, in the world."""


def place(parameters, fixed, moving):
    """Place pairs: fixed points in the world, moving points on the moving image's own anatomy."""
    here, there = startLandmarks(parameters)
    for point in fixed:
        here.AddControlPointWorld(vtk.vtkVector3d(*point))
    for point in moving:
        there.AddControlPoint(vtk.vtkVector3d(*point))
    return here, there


def placedPair(noise=0.0, own=MOTION):
    """A pair whose landmarks show that ``LEFT`` is missing above the user's own transform."""
    parameters = pairParameters(own=own)
    after = LEFT if own is None else Affine(own.matrix @ LEFT.matrix)
    goal = after.apply(PLACES) + noise * random.standard_normal(PLACES.shape)
    place(parameters, PLACES, goal)
    return parameters


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("corrected", [False, True])
def test_pairs_are_seen_without_the_correction(scene, shared, corrected):
    parameters = placedPair()
    if shared:
        table = transformNodeFromRegQC(Affine.rigid(rotation_deg=(0, 30, 9)), "table")
        both = (parameters.fixedVolume, parameters.fixedLandmarks, parameters.workingTransform)
        for node in (*both, parameters.transform):
            if node.GetParentTransformNode() is not parameters.workingTransform:
                node.SetAndObserveTransformNodeID(table.GetID())
    if corrected:
        shift = Affine.rigid(translation_mm=(0, 4, 3), rotation_deg=(0, 5, 0))
        correct(startWorking(parameters), WorkingState(shift.matrix), "shift", CommandStack())
    pairs = pairsOf(parameters)
    np.testing.assert_allclose(pairs.fixed, PLACES, atol=1e-9)
    np.testing.assert_allclose(pairs.moving, LEFT.apply(PLACES), atol=1e-9)
    if not corrected:
        away = np.linalg.norm(LEFT.apply(PLACES) - PLACES, axis=1)
        np.testing.assert_allclose(pairs.nowMm, away, atol=1e-9)


def test_a_rigid_fit_puts_the_volume_right(scene):
    parameters, history = placedPair(), CommandStack()
    result = fitLandmarks(pairsOf(parameters), "rigid")
    np.testing.assert_allclose(result.correction.matrix, LEFT.matrix, atol=1e-9)
    np.testing.assert_allclose(result.residualMm, 0, atol=1e-9)
    np.testing.assert_allclose(result.heldOutMm, 0, atol=1e-9)
    showPreview(parameters, result.correction, "landmarks")
    keepPreview(parameters, history)
    np.testing.assert_allclose(pairsOf(parameters).nowMm, 0, atol=1e-6)
    np.testing.assert_allclose(pairsOf(parameters).moving, LEFT.apply(PLACES), atol=1e-6)


def test_errors_are_those_of_the_library_in_mm(scene):
    parameters = placedPair(noise=1.0)
    pairs = pairsOf(parameters)
    result = fitLandmarks(pairs, "affine")
    fit = fit_landmarks(pairs.fixed, pairs.moving, "affine")
    np.testing.assert_allclose(result.residualMm, fit.residuals_mm)
    np.testing.assert_allclose(result.heldOutMm, fit.leave_one_out_mm)
    for value in (result.residualMm.mean(), result.heldOutMm.mean(), result.heldOutMm.max()):
        assert f"{value:.2f} mm" in result.summary


def test_pairs_not_in_use_measure_the_fit_only(scene):
    parameters = placedPair()
    parameters.movingLandmarks.SetNthControlPointPosition(2, 0, 0, 90)
    setUsed(parameters, 2, False)
    pairs = pairsOf(parameters)
    np.testing.assert_array_equal(pairs.used, [n != 2 for n in range(8)])
    result = fitLandmarks(pairs, "rigid")
    np.testing.assert_allclose(result.correction.matrix, LEFT.matrix, atol=1e-9)
    assert np.isnan(result.residualMm[2])
    away = np.linalg.norm(LEFT.apply(PLACES[2]) - pairs.moving[2])
    assert result.heldOutMm[2] == pytest.approx(away)
    fixed, moving = imagePoints(parameters)
    np.testing.assert_allclose(fixed, np.delete(PLACES, 2, axis=0))
    expected = MOTION.apply(LEFT.apply(np.delete(PLACES, 2, axis=0)))
    np.testing.assert_allclose(moving, expected, atol=1e-9)


def test_a_thin_plate_meets_every_landmark_and_is_the_librarys(scene, tmp_path):
    parameters, history = placedPair(noise=1.5), CommandStack()
    pairs = pairsOf(parameters)
    result = fitLandmarks(pairs, "thin-plate")
    np.testing.assert_allclose(result.residualMm, 0, atol=1e-6)
    assert result.heldOutMm.min() > 0
    points = random.uniform(-30, 30, (50, 3))
    ours = fit_landmarks(pairs.fixed, pairs.moving, "thin-plate").transform.apply(points)
    np.testing.assert_allclose(mappedPoints(result.correction, points), ours, atol=1e-5)
    showPreview(parameters, result.correction, "landmarks")
    keepPreview(parameters, history)
    assert names(parameters) == ["own", "deformation", "working"]
    np.testing.assert_allclose(pairsOf(parameters).nowMm, 0, atol=0.02)  # as VTK inverts
    before = mapped(parameters)
    file = str(tmp_path / "scene.mrb")
    assert slicer.util.saveScene(file)
    scene.Clear()
    slicer.util.loadScene(file)
    parameters = type(parameters)(slicer.util.getNode("RegQC"))
    np.testing.assert_allclose(mapped(parameters), before, atol=1e-3)
    np.testing.assert_allclose(pairsOf(parameters).nowMm, 0, atol=0.02)


def test_under_a_users_deformation(scene):
    parameters = pairParameters(own=None)
    bent = transformNodeFromRegQC(field(1.5), "bent")
    parameters.movingVolume.SetAndObserveTransformNodeID(bent.GetID())
    parameters.transform = bent
    place(parameters, PLACES, field(1.5).apply(LEFT.apply(PLACES)))
    pairs = pairsOf(parameters)
    np.testing.assert_allclose(pairs.moving, LEFT.apply(PLACES), atol=0.05)
    result = fitLandmarks(pairs, "rigid")
    np.testing.assert_allclose(result.correction.matrix, LEFT.matrix, atol=0.05)


def test_under_a_users_transform_that_is_empty(scene):
    parameters = pairParameters(own=None)
    own = scene.AddNewNodeByClass("vtkMRMLTransformNode", "new")
    parameters.movingVolume.SetAndObserveTransformNodeID(own.GetID())
    parameters.transform = own
    place(parameters, PLACES, LEFT.apply(PLACES))
    np.testing.assert_allclose(pairsOf(parameters).moving, LEFT.apply(PLACES), atol=1e-9)


def test_lists_lie_where_their_volumes_lie(scene):
    parameters = pairParameters()
    loaded = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "from a file")
    loaded.AddControlPoint(vtk.vtkVector3d(1, 2, 3))
    parameters.movingLandmarks = loaded
    fixed, moving = startLandmarks(parameters)
    assert moving is loaded
    assert moving.GetParentTransformNode() is parameters.transform
    assert fixed.GetParentTransformNode() is None
    assert startLandmarks(parameters) == (fixed, moving)
    alone = pairParameters(own=None)
    _, moving = startLandmarks(alone)
    assert moving.GetParentTransformNode() is alone.workingTransform


def test_points_without_partner_wait(scene):
    parameters = pairParameters()
    assert len(pairsOf(parameters)) == 0
    fixed, moving = place(parameters, PLACES[:3], PLACES[:1])
    assert len(pairsOf(parameters)) == 1
    assert nextSide(parameters) == "moving"
    np.testing.assert_allclose(waitingPoint(parameters), PLACES[1])
    for point in PLACES[1:3]:
        moving.AddControlPoint(vtk.vtkVector3d(*point))
    assert nextSide(parameters) == "fixed"
    assert waitingPoint(parameters) is None
    moving.UnsetNthControlPointPosition(1)
    assert pairsOf(parameters).names == ["F-1", "F-3"]
    removePair(parameters, 1)
    assert pairsOf(parameters).names == ["F-1", "F-3"]
    assert fixed.GetNumberOfControlPoints() == moving.GetNumberOfControlPoints() == 2


def test_too_few_pairs_are_refused_in_words(scene):
    parameters = pairParameters()
    with pytest.raises(InputError, match="no pair"):
        fitLandmarks(pairsOf(parameters), "rigid")
    place(parameters, PLACES[:3], PLACES[:3])
    result = fitLandmarks(pairsOf(parameters), "rigid")
    assert np.isnan(result.heldOutMm).all()
    assert "too few pairs" in result.summary
    with pytest.raises(InputError, match="at least 4 pairs"):
        fitLandmarks(pairsOf(parameters), "thin-plate")


def test_thin_plate_of_equal_points_is_the_identity():
    spline = thinPlate(PLACES, PLACES)
    np.testing.assert_allclose(mappedPoints(spline, PLACES * 1.3), PLACES * 1.3, atol=1e-6)


def test_suggestions_become_fixed_points(scene, monkeypatch):
    """In this process, with the child's own program."""
    said = []

    def child(arguments, _folder, _span, module):
        assert module == "RegQCLib.cli.suggest_worker"
        yield None
        with monkeypatch.context() as patch:
            patch.setattr(
                "RegQCLib.cli.progress.Reporter.result", lambda _self, *told: said.append(told)
            )
            suggest_worker.main(arguments)
        return said[-1][1]

    monkeypatch.setattr(suggestion_job, "childSteps", child)
    parameters = pairParameters()
    grid = grid_around_origin((40, 52, 44), (1.4, 1.4, 1.4))
    parameters.fixedVolume = nodeFromVolume(picture(grid), "picture")
    fixed, _ = startLandmarks(parameters)
    roi = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "box")
    roi.SetXYZ(0, 0, 0)
    roi.SetRadiusXYZ(20, 12, 18)
    failures = []
    job = SuggestionJob(parameters.fixedVolume, 6, roi)
    BlockingRunner().start(job, onFailed=failures.append)
    job.removeFolder()
    assert not failures
    assert 1 <= len(job.points) <= 6
    assert (np.abs(job.points) <= np.array([20, 12, 18]) + 0.7).all()  # half a voxel
    addSuggestions(fixed, job.points)
    assert fixed.GetNumberOfControlPoints() == len(job.points)
    placed = [tuple(fixed.GetNthControlPointPositionWorld(n)) for n in range(len(job.points))]
    np.testing.assert_allclose(placed, job.points)
