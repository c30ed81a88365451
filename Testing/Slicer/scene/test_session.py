"""A session: from inputs to nodes, and what happens when the scene changes in the middle."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest
import slicer
from scene.scene_builders import addLinear, addVolume, under

from RegQCLib.geometry.transforms import Affine
from RegQCScene.parameters import RegQCParameters
from RegQCScene.result_nodes import RESULTS, removeResult
from RegQCScene.session import Session
from RegQCScene.volume_exchange import volumeFromNode

NODES = ("reportText", *RESULTS)


class Listener:
    """Writes down what a session says."""

    def __init__(self, session):
        self.heard = []
        for name in ("inputsChanged", "resultChanged", "busyChanged", "message", "historyChanged"):
            getattr(session, name).connect(
                lambda *values, name=name: self.heard.append((name, *values))
            )

    def count(self, name):
        return sum(one[0] == name for one in self.heard)

    def messages(self, level):
        return [one[1] for one in self.heard if one[0] == "message" and one[2] == level]


@pytest.fixture
def session(parameters):
    result = Session(parameters)
    yield result
    result.close()


def nodeNames():
    return sorted(node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLNode"))


def temporaryFolders():
    return list(Path(slicer.app.temporaryPath).glob("regqc-*"))


def test_a_check_makes_nodes_and_says_so(session, canned, parameters):
    listener, done = Listener(session), []
    session.check(done.append)
    assert [one[1] for one in listener.heard if one[0] == "busyChanged"] == [
        "Checking alignment",
        "",
    ]
    assert listener.count("resultChanged") == 1
    assert listener.messages("error") == []
    assert session.result.verdict == done[0].verdict == "misaligned"
    assert session.result.warnings == ["a warning"]
    for role in NODES:
        assert getattr(parameters, role) is session.result.nodes[role]
    assert temporaryFolders() == []


def test_what_the_child_is_given(session, canned, parameters):
    parent = addLinear(Affine.rigid((5, 10, 15), (1, 2, 3)).matrix)
    under(parameters.fixedVolume, parent)
    under(parameters.movingVolume, addLinear(Affine.rigid((0, 0, 5)).matrix, parent=parent))
    parameters.toleranceMm = 2.5
    parameters.betweenPeople = True
    session.check()
    (arguments,) = canned.calls
    assert Path(arguments[1]).name == "fixed.mha"
    assert arguments[arguments.index("--tolerance") + 1] == "2.5"
    assert "--between-people" in arguments
    assert "--transform" in arguments
    assert "--mask" not in arguments
    fixed = volumeFromNode(parameters.fixedVolume)
    moving = volumeFromNode(parameters.movingVolume, world=False)
    for name, expected in (("fixed", fixed), ("moving", moving)):
        assert canned.images[name].grid.same_as(expected.grid, tolerance_mm=1e-6)
        np.testing.assert_array_equal(canned.images[name].array, expected.array)


def test_without_transforms_none_is_given(session, canned):
    session.check()
    assert "--transform" not in canned.calls[0]


def test_inputs_are_not_touched(session, canned, parameters):
    transform = addLinear(np.eye(4))
    nodes = [parameters.fixedVolume, under(parameters.movingVolume, transform), transform]

    def state():
        ids = [node.GetTransformNodeID() for node in nodes]  # asking may count as a modification
        voxels = [node.GetImageData().GetMTime() for node in nodes[:2]]
        return ids, voxels, [node.GetMTime() for node in nodes]

    before = state()
    session.check()
    assert state() == before


def test_another_check_updates_the_same_nodes(session, canned, parameters):
    session.check()
    names, first = nodeNames(), dict(session.result.nodes)
    canned.error = 1.0
    session.check()
    assert session.result.errorMean == 1.0
    assert session.result.nodes == first
    assert nodeNames() == names


def test_a_check_that_cannot_tell_leaves_no_old_map(session, canned, parameters):
    session.check()
    canned.verdict = "cannot_tell"
    session.check()
    assert session.result.verdict == "cannot_tell"
    assert parameters.errorMap is None
    assert parameters.flaggedSlices is None
    assert parameters.sliceTable is not None
    assert "RegQC error map" not in nodeNames()


def test_each_pair_has_its_own_result(session, canned, parameters, volumes):
    listener = Listener(session)
    session.check()
    first = parameters.reportText
    parameters.movingVolume = addVolume(name="other")
    assert session.result is None
    assert parameters.reportText is None
    session.check()
    assert parameters.reportText is not first
    parameters.movingVolume = volumes[1]
    assert parameters.reportText is first
    assert session.result.verdict == "misaligned"
    assert listener.count("inputsChanged") == 2
    removeResult(*volumes)
    session.refreshResult()
    assert session.result is None
    assert nodeNames().count("RegQC report") == 1


def test_a_wrong_choice_is_one_line_and_starts_nothing(session, canned, parameters, volumes):
    listener, done = Listener(session), []
    parameters.movingVolume = volumes[0]
    session.check(done.append)
    parameters.movingVolume = None
    session.check(done.append)
    errors = listener.messages("error")
    assert "both fixed and moving" in errors[0]
    assert "no moving volume is chosen" in errors[1]
    assert done == [None, None]
    assert canned.calls == []
    assert listener.count("busyChanged") == 0
    assert temporaryFolders() == []


class TestInTheMiddle:
    """Something happens while the child runs."""

    @pytest.fixture
    def outcome(self, session, canned):
        def run(action):
            listener, done = Listener(session), []
            before = nodeNames()
            canned.whileItRuns = action
            session.check(done.append)
            assert session.busy == ""
            assert temporaryFolders() == []
            return listener, done, before

        return run

    def test_cancelled(self, session, outcome):
        listener, done, before = outcome(session.cancel)
        assert done == [None]
        assert session.result is None
        assert nodeNames() == before
        assert listener.messages("info") == ["Cancelled; nothing was changed"]

    def test_a_volume_is_removed(self, outcome, volumes):
        listener, done, before = outcome(lambda: slicer.mrmlScene.RemoveNode(volumes[1]))
        assert done == [None]
        assert "removed" in listener.messages("warning")[0]
        assert "RegQC report" not in nodeNames()
        assert len(nodeNames()) < len(before)

    def test_another_node_is_removed(self, outcome):
        other = addVolume(name="other")
        _listener, done, _before = outcome(lambda: slicer.mrmlScene.RemoveNode(other))
        assert done[0].verdict == "misaligned"

    def test_the_scene_is_closed(self, session, outcome):
        _listener, done, _before = outcome(slicer.mrmlScene.Clear)
        assert done == [None]
        assert session.result is None
        assert "RegQC report" not in nodeNames()

    def test_another_pair_is_chosen(self, session, outcome, parameters, volumes):
        def choose():
            parameters.movingVolume = addVolume(name="other")

        _listener, done, _before = outcome(choose)
        assert done[0].verdict == "misaligned"
        assert session.result is None, "the result is not that of the chosen pair"
        parameters.movingVolume = volumes[1]
        assert session.result is not None

    def test_another_job_is_refused(self, session, outcome):
        refused = []
        listener, done, _before = outcome(lambda: session.check(refused.append))
        assert refused == [None]
        assert listener.messages("warning") == ["Please wait: Checking alignment"]
        assert done[0] is not None

    def test_a_defect_does_not_leave_the_session_busy(self, session, canned):
        def fail():
            raise KeyError("defect")

        canned.whileItRuns = fail
        with pytest.raises(KeyError):
            session.check()
        assert session.busy == ""
        assert temporaryFolders() == []
        canned.whileItRuns = lambda: None
        session.check()
        assert session.result is not None


def test_a_volume_edited_while_it_is_read(session, canned, parameters, monkeypatch):
    from RegQCScene import pair_export

    real = pair_export.volumeSteps

    def editing(volume, path):
        parameters.fixedVolume.GetImageData().Modified()
        return real(volume, path)

    monkeypatch.setattr(pair_export, "volumeSteps", editing)
    listener = Listener(session)
    session.check()
    assert listener.messages("error") == ["fixed: was changed while it was read; start again"]


def test_results_come_back_with_the_scene(session, canned, parameters, tmp_path):
    session.check()
    path = tmp_path / "scene.mrb"
    expected = slicer.util.arrayFromVolume(parameters.errorMap).copy()
    rows = parameters.sliceTable.GetNumberOfRows()
    assert slicer.util.saveScene(str(path))
    session.close()
    slicer.mrmlScene.Clear()
    assert session.result is None
    slicer.util.loadScene(str(path))
    node = slicer.util.getNode("RegQC")
    session.setParameters(RegQCParameters(node))
    again = session.parameters
    assert session.result.errorMean == 3.0
    assert session.result.grid.same_as(volumeFromNode(again.fixedVolume).grid)
    np.testing.assert_allclose(slicer.util.arrayFromVolume(again.errorMap), expected, atol=1e-5)
    assert again.sliceTable.GetNumberOfRows() == rows
    assert set(again.flaggedSlices.GetSegmentation().GetSegmentIDs()) == {"sagittal", "axial"}
    chart = again.slicePlot
    assert chart.GetNumberOfPlotSeriesNodes() == 3
    assert chart.GetNthPlotSeriesNode(0).GetTableNode() is not None
    display = again.errorMap.GetDisplayNode()
    assert display.GetColorNode().GetAttribute("RegQC.colors") == "error"
    assert display.GetApplyThreshold()
    names = nodeNames()
    session.check()
    assert nodeNames() == names, "a check after reopening updates the same nodes"


def test_a_closed_session_hears_nothing(session, canned, parameters):
    session.close()
    listener = Listener(session)
    parameters.movingVolume = None
    slicer.mrmlScene.Clear()
    gc.collect()
    assert listener.heard == []


def test_a_sequence_frame_is_named(session, canned, parameters):
    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "cine")
    for number in range(3):
        frame = addVolume(name=f"frame {number}")
        sequence.SetDataNodeAtValue(frame, str(number))
        slicer.mrmlScene.RemoveNode(frame)
    browser = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode")
    browser.AddSynchronizedSequenceNode(sequence)
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    browser.SetSelectedItemNumber(1)
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    parameters.movingVolume = browser.GetProxyNode(sequence)
    session.check()
    assert "cine shows frame 2 of 3 of a sequence; only it is checked" in session.result.warnings
