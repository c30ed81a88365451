"""A module's life in the host: loaded, opened, used, reloaded, left; its widgets and parameters."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qt
import slicer

EXAMPLE = Path(__file__).parent / "example" / "HostExample.py"


@pytest.fixture
def example(host: Any) -> Iterator[Any]:
    module = host.load(EXAMPLE)
    yield module
    host.unload(module)
    sys.path.remove(str(EXAMPLE.parent))


@pytest.fixture
def widget(example: Any) -> Any:
    return slicer.util.getModuleWidget("HostExample")


def test_slicer_knows_the_module(example: Any) -> None:
    assert example.title == "Host example"
    assert example.categories == ["Examples"]
    assert slicer.modules.hostexample is example
    assert slicer.util.modulePath("HostExample") == str(EXAMPLE)
    assert slicer.util.getModule("HostExample") is example
    assert "HostExample" in slicer.util.moduleNames()
    assert slicer.modules.HostExampleInstance.started == 1


def test_the_panel_is_shown_and_entered(host: Any, widget: Any) -> None:
    assert widget.calls == ["enter"]
    assert slicer.util.selectedModule() == "HostExample"
    assert widget.ui.applyButton.isVisible()
    assert slicer.util.findChild(slicer.util.mainWindow(), "countBox") is not None


def test_leaving_and_unloading(host: Any) -> None:
    module = host.load(EXAMPLE)
    widget = module.widgetRepresentation().self()
    slicer.util.selectModule("Volumes")
    assert widget.calls == ["enter", "exit"]
    host.unload(module)
    assert widget.calls == ["enter", "exit", "cleanup"]
    assert widget.Observations == []
    assert not hasattr(slicer.modules, "hostexample")
    sys.path.remove(str(EXAMPLE.parent))


def test_reload_makes_a_new_widget(widget: Any) -> None:
    widget.onReload()
    again = slicer.util.getModuleWidget("HostExample")
    assert widget.calls == ["enter", "cleanup"]
    assert again is not widget
    assert again.calls == ["enter"]
    assert slicer.modules.HostExampleWidget is again


def test_the_self_test_runs(example: Any) -> None:
    slicer.modules.HostExampleInstance.runTest()
    assert sys.modules["HostExample"].HostExampleTest.ran == 1


def test_logic_and_parameter_node_are_found(widget: Any) -> None:
    assert slicer.util.getModuleLogic("HostExample") is widget.logic
    node = widget.parameters.parameterNode
    assert widget.logic.getParameterNode().parameterNode is node
    assert node.GetSingletonTag() == "HostExample"
    assert node.GetAttribute("ModuleName") == "HostExample"


def test_widgets_start_with_the_parameters(widget: Any) -> None:
    ui = widget.ui
    assert (ui.opacitySlider.value, ui.opacitySlider.maximum) == (0.5, 1.0)
    assert (ui.countBox.value, ui.enabledBox.checked, ui.noteEdit.text) == (3, True, "")
    assert [ui.axisBox.itemText(i) for i in range(ui.axisBox.count)] == ["axial", "coronal"]
    assert [ui.sideBox.itemText(i) for i in range(ui.sideBox.count)] == ["Left", "Right"]


def test_widgets_write_parameters(widget: Any) -> None:
    volume = slicer.util.addVolumeFromArray(np.zeros((2, 2, 2)))
    ui, p = widget.ui, widget.parameters
    ui.volumeSelector.setCurrentNode(volume)
    ui.opacitySlider.setValue(0.25)
    ui.countBox.setValue(5)
    ui.enabledBox.setChecked(False)
    ui.noteEdit.setText("n")
    ui.axisBox.setCurrentIndex(1)
    ui.sideBox.setCurrentIndex(1)
    side = sys.modules["HostExample"].Side.RIGHT
    assert (p.volume, p.opacity, p.count, p.enabled) == (volume, 0.25, 5, False)
    assert (p.note, p.axis, p.side) == ("n", "coronal", side)
    assert "modified" in widget.calls


def test_parameters_write_widgets(widget: Any) -> None:
    volume = slicer.util.addVolumeFromArray(np.zeros((2, 2, 2)))
    ui, p = widget.ui, widget.parameters
    p.volume, p.opacity, p.count, p.enabled = volume, 0.75, 9, False
    p.note, p.axis, p.side = "m", "coronal", sys.modules["HostExample"].Side.RIGHT
    assert ui.volumeSelector.currentNode() is volume
    assert (ui.opacitySlider.value, ui.countBox.value, ui.enabledBox.checked) == (0.75, 9, False)
    assert (ui.noteEdit.text, ui.axisBox.currentText, ui.sideBox.currentText) == (
        "m",
        "coronal",
        "Right",
    )


def test_disconnected_widgets_stand_alone(widget: Any) -> None:
    widget.parameters.disconnectGui(widget.tag)
    widget.parameters.count = 8
    assert widget.ui.countBox.value == 3
    widget.ui.countBox.setValue(6)
    assert widget.parameters.count == 8
    widget.tag = widget.parameters.connectGui(widget.ui)
    assert widget.ui.countBox.value == 8


def test_a_closed_scene_brings_defaults_back(widget: Any) -> None:
    widget.parameters.count = 8
    slicer.mrmlScene.Clear()
    assert widget.ui.countBox.value == 3
    widget.parameters.count = 7
    assert widget.ui.countBox.value == 7


def test_a_widget_of_the_wrong_kind_is_refused(widget: Any) -> None:
    with pytest.raises(TypeError, match="QLineEdit"):
        widget.parameters.connectParametersToGui({"count": widget.ui.noteEdit})
    with pytest.raises(ValueError, match="nothing"):
        widget.parameters.connectParametersToGui({"nothing": widget.ui.noteEdit})


def test_an_error_in_a_slot_is_kept(host: Any, widget: Any) -> None:
    widget.ui.applyButton.click()
    assert "ValueError: no volume" in host.problems()[0]
    host.clearProblems()


def test_a_user_sees_the_error(
    host: Any, widget: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shown = []
    monkeypatch.setattr(slicer.util, "messageBox", lambda text, **_: shown.append(text))
    slicer.app.setTestingEnabled(False)
    with caplog.at_level(logging.CRITICAL):
        widget.ui.applyButton.click()
    assert shown == ["It failed.\n\nno volume"]
    assert qt.QApplication.overrideCursor() is None
    host.clearProblems()


def test_status_messages_reach_the_main_window(host: Any) -> None:
    assert slicer.util.showStatusMessage("working", 1000)
    assert host.window.statusBar().currentMessage() == "working"
