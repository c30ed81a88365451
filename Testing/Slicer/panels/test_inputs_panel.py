"""The Inputs panel by its selectors: what it finds by itself and what it warns of."""

from __future__ import annotations

import numpy as np
import slicer
import vtk


def moveBy(name: str, *millimeters: float):
    """A transform node, moving to fixed."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", name)
    matrix = np.eye(4)
    matrix[:3, 3] = millimeters
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    return node


def splineTransform():
    spline = vtk.vtkThinPlateSplineTransform()
    points = [vtk.vtkPoints(), vtk.vtkPoints()]
    for corner in ((-50, -50, -50), (50, -50, 0), (0, 60, 10), (0, 0, 40), (30, 30, -30)):
        points[0].InsertNextPoint(corner)
        points[1].InsertNextPoint([value * 1.02 + 1 for value in corner])
    spline.SetBasisToR()
    spline.SetSourceLandmarks(points[0])
    spline.SetTargetLandmarks(points[1])
    return spline


def words(panels) -> str:
    panels.settle(seconds=0.05)
    panels.settle(lambda: not panels.inputs.adviceTimer.active, seconds=60)
    return " ".join(f"{level}: {text}" for level, text in panels.inputs.notices.shown)


def test_choosing_a_pair_describes_it_and_warns_of_nothing(panels):
    panels.choosePair()
    assert panels.parameters.fixedVolume is panels.fixed
    assert panels.parameters.movingVolume is panels.moving
    assert (
        panels.inputs.ui.fixedDescription.text
        == "Axial slices, 1 x 1 x 3 mm, 151 x 197 x 29 voxels"
    )
    assert words(panels) == ""
    assert not panels.inputs.notices.widget.isVisible()


def test_only_scalar_volumes_are_offered(panels):
    labels = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    colors = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "colors")
    selector = panels.inputs.ui.fixedSelector
    offered = [selector.nodeFromIndex(n) for n in range(selector.nodeCount())]
    assert panels.fixed in offered
    assert labels not in offered
    assert colors not in offered


def test_a_label_map_set_by_a_script_is_refused_in_words(panels):
    panels.choosePair()
    labels = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    labels.SetAndObserveImageData(panels.fixed.GetImageData())
    panels.parameters.movingVolume = labels
    assert words(panels).startswith("error: labels: is a label map")
    assert not panels.check.ui.checkButton.enabled
    assert "label map" in panels.check.ui.checkButton.toolTip


def test_a_color_volume_set_by_a_script_is_refused_in_words(panels):
    panels.choosePair()
    colors = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "photo")
    slicer.util.updateVolumeFromArray(colors, np.zeros((5, 6, 7, 3), np.uint8))
    for role in ("fixed", "moving"):
        before = getattr(panels.parameters, f"{role}Volume")
        setattr(panels.parameters, f"{role}Volume", colors)
        assert words(panels).startswith("error: photo: is a color or vector volume (3 values")
        assert not panels.check.ui.checkButton.enabled
        assert "vector volume" in getattr(panels.inputs.ui, f"{role}Description").text
        setattr(panels.parameters, f"{role}Volume", before)
    assert words(panels) == ""
    assert panels.check.ui.checkButton.enabled


def test_a_frame_of_a_sequence_is_a_note(panels):
    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "cine")
    for number in range(2):
        sequence.SetDataNodeAtValue(panels.moving, str(number))
    browser = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode")
    browser.AddSynchronizedSequenceNode(sequence)
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    panels.choosePair()
    panels.parameters.movingVolume = browser.GetProxyNode(sequence)
    assert "is a sequence; the frame that is shown now is checked" in words(panels)
    assert [level for level, _text in panels.inputs.notices.shown] == ["info"]
    assert panels.check.ui.checkButton.enabled


def test_the_transform_above_the_moving_volume_is_found(panels):
    nudge = moveBy("nudge", 3, 0, 0)
    panels.moving.SetAndObserveTransformNodeID(nudge.GetID())
    panels.choosePair()
    assert panels.parameters.transform is nudge
    assert panels.inputs.ui.transformSelector.currentNode() is nudge
    # it follows when the volume is put elsewhere while the pair is chosen
    other = moveBy("other", 0, 2, 0)
    panels.moving.SetAndObserveTransformNodeID(other.GetID())
    panels.settle()
    assert panels.parameters.transform is other
    panels.moving.SetAndObserveTransformNodeID(None)
    panels.settle()
    assert panels.parameters.transform is None


def test_a_composite_of_non_linear_transforms_is_found(panels):
    outer = moveBy("outer", 1, 2, 3)
    inner = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "spline")
    inner.SetAndObserveTransformFromParent(splineTransform())
    inner.SetAndObserveTransformNodeID(outer.GetID())
    panels.moving.SetAndObserveTransformNodeID(inner.GetID())
    panels.choosePair()
    assert panels.parameters.transform is inner
    assert words(panels) == ""


def test_advice_is_asked_for_once_after_a_drag_and_never_during_it(panels, monkeypatch):
    from RegQCUI import inputs_panel

    calls, timer = [], panels.inputs.adviceTimer
    monkeypatch.setattr(inputs_panel, "inputAdvice", lambda asked: calls.append(asked) or [])
    nudge = moveBy("nudge", 3, 0, 0)
    panels.moving.SetAndObserveTransformNodeID(nudge.GetID())
    panels.choosePair()
    assert words(panels) == ""
    calls.clear()
    timer.setInterval(60_000)  # longer than the slowest machine needs for the drag
    matrix = vtk.vtkMatrix4x4()
    for step in range(30):
        matrix.SetElement(0, 3, step / 10)
        nudge.SetMatrixTransformToParent(matrix)
        panels.host.app.processEvents()
    assert calls == []
    assert timer.active
    timer.setInterval(0)
    assert words(panels) == ""
    assert len(calls) == 1


def test_a_users_own_choice_of_a_transform_stays(panels):
    panels.choosePair()
    chosen = moveBy("chosen", 1, 0, 0)
    panels.inputs.ui.transformSelector.setCurrentNode(chosen)
    panels.settle()
    panels.fixed.Modified()
    panels.moving.Modified()
    panels.settle()
    assert panels.parameters.transform is chosen


def test_a_fixed_volume_under_a_bent_transform_is_refused_with_a_way_out(panels):
    bent = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "acquisition")
    bent.SetAndObserveTransformFromParent(splineTransform())
    panels.fixed.SetAndObserveTransformNodeID(bent.GetID())
    panels.choosePair()
    said = words(panels)
    assert said.startswith("error: flair: lies under the non-linear transform acquisition; ")
    assert "harden" in said
    assert len(panels.inputs.notices.shown) == 1
    assert not panels.check.ui.checkButton.enabled
    panels.fixed.SetAndObserveTransformNodeID(None)
    assert words(panels) == ""
    assert panels.settle(lambda: panels.check.ui.checkButton.enabled, 60)


def test_a_sheared_place_is_refused_for_the_fixed_volume_alone(panels):
    shear = moveBy("gantry", 0, 0, 0)
    matrix = np.eye(4)
    matrix[1, 2] = 0.2
    shear.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    panels.moving.SetAndObserveTransformNodeID(shear.GetID())
    panels.choosePair()
    assert "error" not in words(panels)  # an affine registration may shear
    panels.moving.SetAndObserveTransformNodeID(None)
    panels.fixed.SetAndObserveTransformNodeID(shear.GetID())
    said = words(panels)
    assert said.startswith("error: flair: under the transform gantry the voxel axes are not")
    assert "resample" in said
    ((_level, reason),) = panels.check.refusal.shown  # beside the button, too
    assert "gantry" in reason


def test_volumes_that_do_not_overlap_are_an_error(panels):
    panels.choosePair()
    away = moveBy("away", 500, 0, 0)
    panels.moving.SetAndObserveTransformNodeID(away.GetID())
    assert words(panels).startswith("error: ")
    assert "transform maps 0% of the fixed image" in words(panels)
    matrix = np.eye(4)
    away.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    assert words(panels) == ""


def test_headers_that_are_apart_are_an_error_without_a_transform(panels):
    x, y, z = panels.moving.GetOrigin()
    panels.moving.SetOrigin(x, y, z + 400)
    panels.choosePair()
    assert words(panels).startswith("error: t1w does not overlap flair")


def test_a_small_overlap_is_a_warning_with_its_size(panels):
    x, y, z = panels.moving.GetOrigin()
    panels.moving.SetOrigin(x, y, z + 60)
    panels.choosePair()
    assert words(panels).startswith("warning: t1w covers only ")
    assert panels.check.ui.checkButton.enabled


def test_a_mirrored_transform_is_a_warning(panels):
    mirror = moveBy("mirror", 0, 0, 0)
    mirror.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(np.diag([-1.0, 1, 1, 1])))
    panels.moving.SetAndObserveTransformNodeID(mirror.GetID())
    panels.choosePair()
    assert "mirrors the image" in words(panels)


def test_a_file_without_position_is_a_warning(panels):
    panels.fixed.SetIJKToRASMatrix(vtk.vtkMatrix4x4())
    panels.moving.SetIJKToRASMatrix(vtk.vtkMatrix4x4())
    panels.choosePair()
    assert "flair: its file gives no position" in words(panels)


def test_the_same_volume_twice_is_an_error(panels):
    panels.choosePair()
    panels.inputs.ui.movingSelector.setCurrentNode(panels.fixed)
    assert "same volume" in words(panels)
    assert not panels.check.ui.checkButton.enabled


def test_segments_of_the_mask_are_offered_and_kept(panels):
    panels.choosePair()
    mask = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "regions")
    panels.inputs.ui.maskSelector.setCurrentNode(mask)
    assert "holds no segment" in words(panels)
    assert not panels.inputs.ui.segmentSelector.isVisible()
    for name in ("brain", "lesion"):
        mask.GetSegmentation().AddEmptySegment(name, name)
    box = panels.inputs.ui.segmentSelector
    assert words(panels) == ""
    assert [box.itemText(n) for n in range(box.count)] == ["All segments", "brain", "lesion"]
    box.setCurrentIndex(2)
    assert panels.parameters.maskSegment == "lesion"
    mask.GetSegmentation().RemoveSegment("lesion")
    panels.settle()
    assert panels.parameters.maskSegment == ""


def test_nodes_removed_while_chosen_are_let_go(panels):
    panels.choosePair()
    slicer.mrmlScene.RemoveNode(panels.moving)
    panels.settle()
    assert panels.parameters.movingVolume is not panels.moving
    slicer.mrmlScene.Clear()
    panels.settle()
    assert panels.parameters.fixedVolume is None
    assert not panels.check.ui.checkButton.enabled


def test_a_transform_and_a_mask_removed_while_chosen_are_let_go(panels):
    panels.choosePair()
    away = moveBy("away", 500, 0, 0)
    panels.moving.SetAndObserveTransformNodeID(away.GetID())
    mask = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "regions")
    panels.inputs.ui.maskSelector.setCurrentNode(mask)
    assert words(panels).count("error: ") == 2
    slicer.mrmlScene.RemoveNode(away)
    slicer.mrmlScene.RemoveNode(mask)
    assert words(panels) == ""
    assert panels.parameters.transform is None
    assert panels.parameters.mask is None
    assert not panels.inputs.ui.segmentSelector.isVisible()
    assert panels.check.ui.checkButton.enabled


def test_a_pair_under_a_shared_transform_is_judged_as_without(panels):
    """A table moved both: nothing between the two changed, and nothing is to be chosen."""
    table = moveBy("table", 300, -200, 100)
    for node in (panels.fixed, panels.moving):
        node.SetAndObserveTransformNodeID(table.GetID())
    panels.choosePair()
    assert words(panels) == ""
    assert panels.parameters.transform is None
    table.SetMatrixTransformToParent(vtk.vtkMatrix4x4())
    assert words(panels) == ""
    assert panels.check.ui.checkButton.enabled


def test_tolerance_and_planes_reach_the_parameters(panels):
    ui = panels.inputs.ui
    ui.toleranceSpinBox.setValue(3.0)
    ui.betweenPeopleCheckBox.click()
    ui.axisSelector.setCurrentIndex(3)
    assert panels.parameters.toleranceMm == 3.0
    assert panels.parameters.betweenPeople
    assert panels.parameters.axis == "axial"
