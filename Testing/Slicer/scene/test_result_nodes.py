"""What a result looks like in the scene: values, places, colors."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from scene.canned_check import FLAGGED, UNKNOWN
from scene.scene_builders import addLinear, under

from RegQCLib.geometry.transforms import Affine
from RegQCLib.report.colors import ERROR, colored
from RegQCScene.check_result import CheckResult
from RegQCScene.result_nodes import resultFolder
from RegQCScene.session import Session
from RegQCScene.volume_exchange import gridFromNode


@pytest.fixture
def checked(parameters, canned):
    """A checked pair whose fixed volume lies under a transform."""
    under(parameters.fixedVolume, addLinear(Affine.rigid((10, 20, 30), (5, 6, 7)).matrix))
    session = Session(parameters)
    session.check()
    yield parameters
    session.close()


def test_the_error_map_lies_on_the_fixed_volume(checked, canned):
    node = checked.errorMap
    assert gridFromNode(node).same_as(gridFromNode(checked.fixedVolume), tolerance_mm=1e-5)
    values = slicer.util.arrayFromVolume(node)
    expected = canned.errors()
    assert (values[UNKNOWN] == -1).all()
    np.testing.assert_allclose(values[1:], expected[1:])


def test_the_error_map_is_colored_in_millimeters(checked):
    display = checked.errorMap.GetDisplayNode()
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (0.0, 6.0)
    assert display.GetLowerThreshold() == 0.75  # half the tolerance; less is left clear
    assert display.GetApplyThreshold()
    assert not display.GetAutoWindowLevel()
    table = display.GetColorNode().GetLookupTable()
    for place in (0.0, 0.4, 1.0):
        shown = np.array(table.GetTableValue(int(place * 255)))[:3] * 255
        np.testing.assert_allclose(shown, colored(np.array(place), ERROR), atol=3)


def test_flagged_slices_are_segments(checked, canned):
    node = checked.flaggedSlices
    assert set(node.GetSegmentation().GetSegmentIDs()) == {"sagittal", "axial"}
    grid = gridFromNode(checked.fixedVolume)
    judged = np.isfinite(canned.errors())
    for plane in ("sagittal", "axial"):
        marks = slicer.util.arrayFromSegmentBinaryLabelmap(node, plane, checked.errorMap)
        expected = np.zeros_like(judged)
        axis = grid.array_axis(plane)
        np.moveaxis(expected, axis, 0)[FLAGGED[plane]] = True
        np.testing.assert_array_equal(marks != 0, expected & judged)


def test_the_table_holds_every_slice(checked):
    node = checked.sliceTable
    names = [node.GetColumnName(n) for n in range(node.GetNumberOfColumns())]
    assert names == [
        "plane",
        "slice",
        "position (mm)",
        "P(misaligned)",
        "error (mm)",
        "flagged",
    ]
    shape = gridFromNode(checked.fixedVolume).shape
    assert node.GetNumberOfRows() == sum(shape)
    planes = [node.GetCellText(row, 0) for row in range(sum(shape))]
    row = planes.index("axial") + 2
    assert [node.GetCellText(row, column) for column in (1, 2, 5)] == ["2", "20", "1"]
    assert float(node.GetCellText(row, 4)) == 1.0
    errors = slicer.util.arrayFromTableColumn(node, "error (mm)")
    assert np.isnan(errors[planes.index("axial")]), "nothing was measured there"


def test_the_plot_shows_each_plane(checked):
    chart = checked.slicePlot
    assert chart.GetYAxisTitle() == "error (mm)"
    for number, plane in enumerate(("sagittal", "coronal", "axial")):
        series = chart.GetNthPlotSeriesNode(number)
        assert series.GetName() == plane
        table = series.GetTableNode()
        x, y = (
            slicer.util.arrayFromTableColumn(table, name)
            for name in (series.GetXColumnName(), series.GetYColumnName())
        )
        known = np.isfinite(y)
        np.testing.assert_allclose(x[known], 10 * np.flatnonzero(known))
        np.testing.assert_allclose(y[known], 0.5 * np.flatnonzero(known))


def test_everything_lies_in_one_folder(checked):
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    folder = resultFolder(checked.fixedVolume, checked.movingVolume)
    assert tree.GetItemName(folder) == "RegQC: fixed / moving"
    for node in slicer.util.getNodesByClass("vtkMRMLDisplayableNode"):
        if node.GetName().startswith("RegQC"):
            assert tree.GetItemParent(tree.GetItemByDataNode(node)) == folder
    for role in ("reportText", "errorMap", "flaggedSlices", "sliceTable", "slicePlot"):
        item = tree.GetItemByDataNode(getattr(checked, role))
        assert tree.GetItemParent(item) == folder, role
    assert tree.GetItemParent(tree.GetItemByDataNode(checked.fixedVolume)) != folder


def test_a_node_that_was_deleted_is_made_again(checked, canned):
    slicer.mrmlScene.RemoveNode(checked.sliceTable)
    slicer.mrmlScene.RemoveNode(checked.slicePlot)
    session = Session(checked)
    assert session.result is not None
    assert checked.sliceTable is None
    session.check()
    assert checked.sliceTable.GetNumberOfRows() > 0
    assert checked.slicePlot.GetNumberOfPlotSeriesNodes() == 3
    session.close()


def test_a_report_that_was_edited_is_no_result(checked):
    checked.reportText.SetText("{}")
    session = Session(checked)
    assert session.result is None
    assert checked.errorMap is None
    session.close()


class TestCheckResult:
    @pytest.fixture
    def result(self, checked):
        return CheckResult.fromText(checked.reportText.GetText(), gridFromNode(checked.fixedVolume))

    def test_what_it_says(self, result):
        assert result.verdictText == "misaligned"
        assert result.errorInterval == (2.0, 4.0)
        assert result.acquisitionAxis == "axial"
        assert [one.index for _, one in result.flagged("axial")] == FLAGGED["axial"]
        assert len(result.flagged()) == sum(map(len, FLAGGED.values()))
        assert result.worst("axial")[1].index == 4
        assert result.scores("nothing") == []
        assert "5 of 15 slices flagged" in result.summary()

    def test_positions_are_in_the_world(self, result, checked):
        """The middle of a slice is the middle of its corners, by Slicer's own matrices."""
        node = checked.fixedVolume
        grid, count = gridFromNode(node), np.array(gridFromNode(node).shape[::-1])
        for plane in ("sagittal", "coronal", "axial"):
            axis = 2 - grid.array_axis(plane)
            low, high = np.zeros(3), (count - 1).astype(float)
            low[axis] = high[axis] = 2
            middle = (grid.to_world(low) + grid.to_world(high)) / 2
            np.testing.assert_allclose(result.positionRas(plane, 2), middle, atol=1e-9)

    def test_without_a_grid_one_coordinate_is_known(self, result):
        blind = CheckResult(result.report)
        np.testing.assert_allclose(blind.positionRas("coronal", 3), [0, 30, 0])

    @pytest.mark.parametrize("text", ["", "{}", "[]", '{"verdict": "fine"}', '{"verdict": 3}'])
    def test_other_texts(self, text):
        with pytest.raises(ValueError, match="no report of RegQC"):
            CheckResult.fromText(text)
