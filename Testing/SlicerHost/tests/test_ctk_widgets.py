"""Stand-ins for CTK's widgets: names, properties and signals as documented."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6 import QtCore, QtTest, QtWidgets


def press(button: Any, y: int = 5) -> None:
    QtTest.QTest.mouseClick(
        button, QtCore.Qt.MouseButton.LeftButton, pos=QtCore.QPoint(button.width // 2, y)
    )


@pytest.fixture
def section(qt: Any, ctk: Any) -> Any:
    made = ctk.ctkCollapsibleButton("Inputs")
    layout = qt.QVBoxLayout(made)
    for name in ("shown", "hidden"):
        child = qt.QLabel(name)
        child.objectName = name
        layout.addWidget(child)
    made.findChild("QLabel", "hidden").hide()
    made.resize(200, 120)
    made.show()
    yield made
    made.delete()


def test_section_folds_by_property_and_click(section: Any, calls: list[Any]) -> None:
    section.connect("contentsCollapsed(bool)", calls.append)
    assert (section.text, section.collapsed, section.checked) == ("Inputs", False, True)
    section.collapsed = True
    assert not section.findChild("QLabel", "shown").visible
    press(section)
    assert section.findChild("QLabel", "shown").visible
    assert not section.findChild("QLabel", "hidden").visible
    assert calls == [True, False]


def test_section_folds_where_its_header_is_clicked_alone(section: Any) -> None:
    press(section, 100)
    assert not section.collapsed


def test_child_added_to_a_folded_section_is_hidden(qt: Any, section: Any) -> None:
    section.collapsed = True
    late = qt.QLabel("late")
    section.layout().addWidget(late)
    section.collapsed = False
    assert late.visible


def test_group_box_folds(qt: Any, ctk: Any) -> None:
    box = ctk.ctkCollapsibleGroupBox()
    box.title = "More"
    layout = qt.QVBoxLayout(box)
    label = qt.QLabel("in")
    layout.addWidget(label)
    box.show()
    box.collapsed = True
    assert not label.visible
    box.checked = True
    assert label.visible
    box.delete()


def test_slider_and_spin_box_show_one_value(ctk: Any, calls: list[Any]) -> None:
    slider = ctk.ctkSliderWidget()
    slider.minimum, slider.maximum, slider.singleStep = -10, 10, 0.25
    slider.decimals, slider.suffix = 2, " mm"
    slider.connect("valueChanged(double)", calls.append)
    slider.value = 2.5
    assert calls == [2.5]
    spin = slider.findChild(QtWidgets.QDoubleSpinBox)
    assert (spin.value, spin.text) == (2.5, "2.50 mm")
    spin.stepBy(1)
    slider.findChild(QtWidgets.QSlider).setSliderPosition(0)
    assert calls == [2.5, 2.75, -10.0]


def test_range_moves_the_value_and_tells(ctk: Any, calls: list[Any]) -> None:
    slider = ctk.ctkSliderWidget()
    slider.connect("valueChanged(double)", calls.append)
    slider.value = 50
    slider.maximum = 20
    assert slider.value == 20
    assert calls == [50, 20]


def test_value_off_the_steps_is_kept(ctk: Any) -> None:
    """The slider's steps are for the mouse; a set value stays what it was."""
    slider = ctk.ctkSliderWidget()
    slider.singleStep, slider.decimals = 0.5, 3
    slider.value = 1.123
    assert slider.value == pytest.approx(1.123)


def test_tracking_off_tells_after_the_drag(ctk: Any, calls: list[Any]) -> None:
    slider = ctk.ctkSliderWidget()
    slider.tracking = False
    slider.connect("valueChanged(double)", lambda value: calls.append(("changed", value)))
    slider.connect("valueIsChanging(double)", lambda value: calls.append(("changing", value)))
    handle = slider.findChild(QtWidgets.QSlider)
    handle.setSliderDown(True)
    handle.setSliderPosition(5)
    handle.setSliderPosition(6)
    handle.setSliderDown(False)
    assert calls == [("changing", 5.0), ("changing", 6.0), ("changed", 6.0)]


@pytest.mark.parametrize("name", ["setMinimum", "setMaximum", "setDecimals", "setSingleStep"])
def test_setters_that_are_no_slots_are_not_offered(ctk: Any, name: str) -> None:
    assert not hasattr(ctk.ctkSliderWidget(), name)


def test_double_spin_box(ctk: Any, calls: list[Any]) -> None:
    box = ctk.ctkDoubleSpinBox()
    assert not box.inherits("QDoubleSpinBox")
    box.maximum = 10.0
    box.connect("valueChanged(double)", calls.append)
    box.connect("valueChanged(QString)", calls.append)
    box.connect("decimalsChanged(int)", calls.append)
    box.setDecimals(1)
    box.setValue(3.25)
    calls.clear()
    box.stepUp()
    assert set(calls) == {4.3, "4.3"}
    box.setDecimals(3)
    assert calls[-1] == 3


def test_range_widget_keeps_its_order(ctk: Any, calls: list[Any]) -> None:
    widget = ctk.ctkRangeWidget()
    widget.minimum, widget.maximum = 0, 100
    widget.setValues(20, 40)
    widget.connect("valuesChanged(double,double)", lambda low, high: calls.append((low, high)))
    widget.minimumValue = 30
    assert calls == [(30.0, 40.0)]
    widget.setMinimumValue(60)
    assert (widget.minimumValue, widget.maximumValue) == (40.0, 40.0)


def test_color_button(qt: Any, ctk: Any, calls: list[Any]) -> None:
    button = ctk.ctkColorPickerButton()
    button.connect("colorChanged(QColor)", calls.append)
    button.color = qt.QColor("#102030")
    button.setColor(qt.QColor("#102030"))
    assert [color.name() for color in calls] == ["#102030"]
    assert button.text == "#102030"
    button.displayColorName = False


def test_path_line_edit(ctk: Any, calls: list[Any], tmp_path: Any) -> None:
    edit = ctk.ctkPathLineEdit()
    edit.settingKey = "hostTest"
    edit.connect("currentPathChanged(QString)", calls.append)
    edit.currentPath = str(tmp_path)
    assert calls == [str(tmp_path)]
    edit.addCurrentPathToHistory()
    assert edit.currentPath == str(tmp_path)
    edit.showBrowseButton = False
    assert not edit.showBrowseButton


def test_directory_button(ctk: Any, calls: list[Any], tmp_path: Any) -> None:
    button = ctk.ctkDirectoryButton()
    button.connect("directoryChanged(QString)", calls.append)
    button.directory = str(tmp_path)
    button.directory = str(tmp_path)
    assert calls == [str(tmp_path)]


def test_coordinates(ctk: Any, calls: list[Any]) -> None:
    widget = ctk.ctkCoordinatesWidget()
    widget.coordinates = "1,2.5,-3"
    assert widget.coordinates == "1,2.5,-3"


def test_combo_box_shows_its_default_text(ctk: Any) -> None:
    combo = ctk.ctkComboBox()
    combo.defaultText = "Select one"
    assert combo.placeholderText == "Select one"
    assert combo.currentIndex == -1


def test_every_widget_draws(ctk: Any) -> None:
    """In both palettes, without an error in its painting."""
    for name in dir(ctk):
        if name.startswith("ctk"):
            widget = getattr(ctk, name)()
            widget.resize(200, 40)
            assert not widget.grab().isNull()
            widget.delete()
