"""A worklist in the scene: from case to case and back, and everything is as it was left."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
import slicer
import vtk

from RegQCLib.cli import read_worker
from RegQCLib.errors import InputError
from RegQCLib.geometry.image_io import save_volume
from RegQCLib.geometry.transform_io import save_transform
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCScene import case_nodes
from RegQCScene.decisions import decide, decisionsOf, rememberChecked, sign, signatureOf
from RegQCScene.landmark_pairs import pairsOf, setUsed, startLandmarks
from RegQCScene.roi_mask import roiVolume, startRoi
from RegQCScene.transform_exchange import fixedToMoving
from RegQCScene.volume_exchange import gridFromNode
from RegQCScene.working_transform import WorkingState, restoreState, startWorking
from RegQCScene.worklist import Worklist

GIVEN = Affine.rigid((0, 0, 5), (2, 1, 0))
AFFINE = np.array([[1.98, 0.31, 0, -28], [-0.25, 2.47, 0, -32], [0, 0, 5.0, -30], [0, 0, 0, 1.0]])


@pytest.fixture
def source(tmp_path):
    """Three cases: with a transform and a mask, plain, and with a damaged image."""
    rng = np.random.default_rng(0)
    for name in ("af", "am", "bf", "bm", "cf"):
        values = rng.normal(100, 9, (12, 26, 30)).astype(np.float32)
        save_volume(Volume(values, AFFINE), tmp_path / f"{name}.nii.gz")
    save_volume(Volume((values > 100).astype(np.uint8), AFFINE), tmp_path / "mask.nii.gz")
    save_transform(GIVEN, tmp_path / "t.tfm")
    (tmp_path / "cm.nii.gz").write_text("damaged")
    file = tmp_path / "cases.csv"
    file.write_text("id,fixed,moving,transform,mask\n"
                    "a,af.nii.gz,am.nii.gz,t.tfm,mask.nii.gz\n"
                    "x,gone.nii.gz,am.nii.gz,,\n"
                    "b,bf.nii.gz,bm.nii.gz,,\nc,cf.nii.gz,cm.nii.gz,,\n")  # fmt: skip
    return file


@pytest.fixture
def worklist(session, source, tmp_path):
    slicer.mrmlScene.RemoveNode(session.parameters.fixedVolume)
    slicer.mrmlScene.RemoveNode(session.parameters.movingVolume)
    session.resultChanged.connect(lambda: rememberChecked(session))
    session.parameters.reviewer = "Dr A"
    session.said = []
    session.message.connect(lambda text, level: session.said.append((level, text)))
    made = Worklist(session, source, tmp_path / "out")
    yield made
    made.cleanup()


def nodes():
    """Names of the volumes, transforms, segmentations, tables and texts of the scene."""
    kinds = ("Volume", "Transform", "Segmentation", "Table", "Text", "PlotChart", "PlotSeries")
    found = [slicer.util.getNodesByClass(f"vtkMRML{kind}Node") for kind in kinds]
    return sorted(
        node.GetName() for group in found for node in group if not node.GetHideFromEditors()
    )


def test_bad_rows_are_named_and_left_out(worklist):
    assert [case.id for case in worklist.cases] == ["a", "b", "c"]
    (problem,) = worklist.problems
    assert problem.startswith("cases.csv, line 3: fixed ")


def test_a_case_is_loaded_with_transform_and_mask(worklist, session):
    worklist.open(0)
    parameters = session.parameters
    assert session.said == []
    assert parameters.fixedVolume.GetName() == "a fixed"
    assert parameters.mask.IsA("vtkMRMLLabelMapVolumeNode")
    assert parameters.movingVolume.GetParentTransformNode() is parameters.transform
    way = fixedToMoving(parameters.fixedVolume, parameters.movingVolume)
    np.testing.assert_allclose(way.matrix, GIVEN.matrix, atol=1e-9)
    assert worklist.case.id == "a"


def test_reports_are_called_after_the_open_case(worklist, session):
    assert session.case == ""
    worklist.open(0)
    assert session.case == "a"
    worklist.open(1)
    assert session.case == "b"
    session.parameters.movingVolume = None  # a user chose something else
    worklist.noticeRemoval()
    assert session.case == ""
    worklist.open(1)
    worklist.close()
    assert session.case == ""


def test_what_slicer_cannot_read_is_read_by_a_child(worklist, session, tmp_path, monkeypatch):
    calls = []

    def steps(arguments, _folder, _span, module):
        calls.append((module, arguments[:2]))
        yield None
        read_worker.main(arguments)
        return {"files": ["image.mha"]}

    monkeypatch.setattr(case_nodes, "childSteps", steps)
    values = np.random.default_rng(5).normal(100, 9, (12, 26, 30)).astype(np.float32)
    save_volume(Volume(values, AFFINE), tmp_path / "m.mgz")
    first, second, *_rest = worklist.cases
    worklist.cases = (first, replace(second, moving=tmp_path / "m.mgz"))
    worklist.open(1)
    assert session.said == []
    assert calls == [("RegQCLib.cli.read_worker", ["image", str(tmp_path / "m.mgz")])]
    node = session.parameters.movingVolume
    np.testing.assert_allclose(slicer.util.arrayFromVolume(node), values, atol=1e-4)
    np.testing.assert_allclose(gridFromNode(node).affine, AFFINE, atol=1e-4)
    assert node.GetName() == "b moving"
    assert node.GetStorageNode() is None


def test_what_is_read_is_said_before(worklist, session):
    heard = []
    session.progressChanged.connect(lambda stage, fraction: heard.append((stage, fraction)))
    worklist.open(0)
    stages = list(dict.fromkeys(stage for stage, _fraction in heard))
    assert stages == ["comparing the files with what is known", "reading af.nii.gz",
                      "reading am.nii.gz", "reading t.tfm", "reading mask.nii.gz",
                      "showing the images", "bringing back what is on disk"]  # fmt: skip
    fractions = [fraction for _stage, fraction in heard]
    assert fractions == sorted(fractions)


def test_everything_is_as_it_was_left(worklist, session, storeCheck, tmp_path):
    worklist.open(0)
    parameters = session.parameters
    working = startWorking(parameters)
    matrix = Affine.rigid((1, 2, 3), (4, 5, 6)).matrix
    restoreState(working, WorkingState(matrix, None))
    storeCheck(session)
    decide(session, [("axial", 5)], "rejected", "Shift", "left")
    sign(session, "rejected", comment="again")
    grid = np.stack(np.meshgrid(*[np.linspace(-20, 20, 4)] * 3), axis=-1).reshape(-1, 3)
    before = fixedToMoving(parameters.fixedVolume, parameters.movingVolume).apply(grid)
    report, decisions = session.result.report, decisionsOf(parameters)
    errors = slicer.util.arrayFromVolume(parameters.errorMap).copy()

    worklist.open(1)
    assert session.result is None
    assert [name for name in nodes() if "a " in name or "RegQC" in name] == []
    assert decisionsOf(session.parameters).case is None

    worklist.open(0)
    parameters = session.parameters
    assert session.result.report == report
    assert decisionsOf(parameters) == decisions
    assert signatureOf(session) == "valid"
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(parameters.errorMap), errors)
    after = fixedToMoving(parameters.fixedVolume, parameters.movingVolume).apply(grid)
    np.testing.assert_allclose(after, before, atol=1e-6)
    sign(session, "accepted")  # the correction that came back is the one that was checked
    assert session.said == []
    rows = list(csv.DictReader((tmp_path / "out" / "summary.csv").open()))
    assert [(row["id"], row["decision"]) for row in rows] == [
        ("a", "accepted"),
        ("b", ""),
        ("c", ""),
    ]


def test_a_bending_correction_comes_back(worklist, session):
    worklist.open(1)
    parameters = session.parameters
    rng = np.random.default_rng(2)
    image = vtk.vtkImageData()
    image.SetDimensions(5, 6, 7)
    image.SetSpacing(15, 15, 15)
    image.SetOrigin(-30, -30, -30)
    values = vtk.vtkDoubleArray()
    values.SetNumberOfComponents(3)
    for row in rng.normal(0, 1, (5 * 6 * 7, 3)):
        values.InsertNextTuple(row)
    image.GetPointData().SetScalars(values)
    bent = slicer.vtkOrientedGridTransform()
    bent.SetDisplacementGridData(image)
    bent.SetInterpolationModeToLinear()
    restoreState(startWorking(parameters), WorkingState(np.eye(4), bent))
    points = rng.uniform(-20, 20, (30, 3))
    pair = (parameters.fixedVolume, parameters.movingVolume)
    before = fixedToMoving(*pair).apply(points)
    assert np.abs(before - points).max() > 0.3
    worklist.open(0)
    worklist.open(1)
    pair = (session.parameters.fixedVolume, session.parameters.movingVolume)
    np.testing.assert_allclose(fixedToMoving(*pair).apply(points), before, atol=1e-3)


def points(node):
    """Labels, places in the world, and whether they count."""
    return [
        (
            node.GetNthControlPointLabel(n),
            tuple(np.round(node.GetNthControlPointPositionWorld(n), 6)),
            bool(node.GetNthControlPointSelected(n)),
        )
        for n in range(node.GetNumberOfControlPoints())
    ]


def test_landmarks_and_the_box_come_back_with_their_case(worklist, session, storeCheck):
    worklist.open(0)
    parameters = session.parameters
    fixed, moving = startLandmarks(parameters)
    restoreState(
        parameters.workingTransform, WorkingState(Affine.rigid((0, 0, 9), (4, 0, 1)).matrix, None)
    )
    for node, shift in ((fixed, 0.0), (moving, 1.5)):
        for place in ((-3.0, 4.0, -5.0), (10.0, -8.0, 2.0)):
            node.AddControlPointWorld(vtk.vtkVector3d(*(value + shift for value in place)))
    fixed.SetNthControlPointLabel(0, "pineal gland")
    setUsed(parameters, 1, False)
    startRoi(parameters, np.array([1.0, 2.0, 3.0]))
    parameters.registerInRoi = True
    before = points(fixed), points(moving)
    box = roiVolume(parameters.roi)
    storeCheck(session)
    decide(session, [("axial", 5)], "accepted")  # writes the state, too

    worklist.open(1)
    parameters = session.parameters
    assert (parameters.fixedLandmarks, parameters.movingLandmarks, parameters.roi) == (None,) * 3
    assert not parameters.registerInRoi
    assert list(slicer.util.getNodesByClass("vtkMRMLMarkupsNode")) == []

    worklist.open(0)
    parameters = session.parameters
    assert (points(parameters.fixedLandmarks), points(parameters.movingLandmarks)) == before
    assert parameters.registerInRoi
    again = roiVolume(parameters.roi)
    np.testing.assert_allclose(again.affine, box.affine, atol=1e-4)
    assert again.array.shape == box.array.shape
    assert len(pairsOf(parameters)) == 2
    assert pairsOf(parameters).used.tolist() == [True, False]

    for node in (parameters.fixedLandmarks, parameters.movingLandmarks):
        node.RemoveAllControlPoints()
    worklist.open(1)
    worklist.open(0)
    assert session.parameters.fixedLandmarks is None
    assert session.parameters.roi is not None
    assert session.said == []


def test_landmarks_under_another_transform_stay_where_they_are(worklist, session):
    worklist.open(1)
    parameters = session.parameters
    elsewhere = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "mine")
    matrix = Affine.rigid((5, 0, 20), (7, 8, 9)).matrix
    elsewhere.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    _fixed, moving = startLandmarks(parameters)
    startRoi(parameters, np.array([1.0, 2.0, 3.0]))
    for node in (moving, parameters.roi):
        node.SetAndObserveTransformNodeID(elsewhere.GetID())
    moving.AddControlPointWorld(vtk.vtkVector3d(3, -4, 5))
    before, box = points(moving), roiVolume(parameters.roi)
    worklist.open(0)
    worklist.open(1)
    assert points(session.parameters.movingLandmarks) == before
    np.testing.assert_allclose(roiVolume(session.parameters.roi).affine, box.affine, atol=1e-4)


def test_damaged_landmarks_are_named(worklist, session, tmp_path):
    worklist.open(1)
    fixed, _moving = startLandmarks(session.parameters)
    fixed.AddControlPoint(1, 2, 3)
    worklist.close()
    file = tmp_path / "out" / "b" / "landmarks_fixed.mrk.json"
    file.write_text("{")
    worklist.open(1)
    ((level, text),) = session.said
    assert level == "error"
    assert text.startswith(f"{file}: is damaged")


def test_landmarks_of_another_pair_stay_out_of_a_case(worklist, session):
    own = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "mine")
    session.parameters.fixedLandmarks = own
    worklist.open(1)
    assert session.parameters.fixedLandmarks is None
    worklist.close()
    assert own.GetScene() is not None


def test_decisions_are_on_disk_at_once(worklist, session, storeCheck, tmp_path):
    worklist.open(1)
    storeCheck(session)
    decide(session, [("axial", 6)], "accepted")
    assert '"accepted"' in (tmp_path / "out" / "b" / "decisions.json").read_text()
    assert worklist.rows()[1]["slices_accepted"] == 1
    assert worklist.rows()[1]["verdict"] == "misaligned"


def test_a_result_is_not_used_for_other_images(worklist, session, storeCheck, tmp_path):
    worklist.open(1)
    storeCheck(session)
    worklist.close()
    values = np.zeros((12, 26, 30), np.float32)
    values[4:8, 5:9, 6:20] = 100
    save_volume(Volume(values, AFFINE), tmp_path / "bm.nii.gz")
    worklist.open(1)
    assert session.result is None
    assert "images are others than before" in session.said[-1][1]
    assert (tmp_path / "out" / "b.old1" / "check" / "report.json").exists()
    assert worklist.case.id == "b"


def test_a_damaged_file_is_named_and_the_scene_stays_clean(worklist, session):
    before = nodes()
    worklist.open(2)
    level, text = session.said[-1]
    assert level == "error"
    assert "cm.nii.gz" in text
    assert nodes() == before
    assert worklist.current is None
    worklist.open(0)
    assert worklist.case.id == "a"


def test_the_users_own_nodes_stay(worklist):
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "mine")
    worklist.open(0)
    worklist.close()
    assert nodes() == ["mine"]
    assert worklist.case is None


def test_neighbors(worklist, session, storeCheck):
    assert (worklist.neighbor(1), worklist.neighbor(-1)) == (0, 2)
    worklist.open(1)
    assert (worklist.neighbor(1), worklist.neighbor(-1)) == (2, 0)
    storeCheck(session)
    sign(session, "accepted")
    worklist.open(0)
    assert worklist.neighbor(-1) is None
    assert worklist.neighbor(1) == 1
    assert worklist.neighbor(1, undecidedOnly=True) == 2


def test_other_settings_are_said(worklist, session, storeCheck):
    worklist.open(1)
    storeCheck(session)
    worklist.open(0)
    worklist.open(1)
    assert session.said == []
    session.parameters.toleranceMm = 3.0
    worklist.open(0)
    worklist.open(1)
    assert session.result.toleranceMm == 1.5
    ((level, text),) = session.said
    assert level == "warning"
    assert "other settings" in text


def test_lists_without_cases_are_refused(session, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        Worklist(session, tmp_path / "gone.csv", tmp_path / "out")
