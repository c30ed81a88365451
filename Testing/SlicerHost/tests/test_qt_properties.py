"""Properties as PythonQt shows them."""

from __future__ import annotations

from typing import Any

import pytest


def test_property_is_read_without_call(qt: Any) -> None:
    label = qt.QLabel("one")
    assert label.text == "one"
    with pytest.raises(TypeError, match="not callable"):
        label.text()


def test_setter_and_is_method_stay(qt: Any) -> None:
    button = qt.QPushButton("one")
    button.setText("two")
    button.setEnabled(False)
    assert (button.text, button.enabled, button.isEnabled()) == ("two", False, False)


def test_property_is_written_as_attribute(qt: Any) -> None:
    box = qt.QDoubleSpinBox()
    box.maximum = 500
    box.value = 123
    assert box.value == 123.0


def test_items_and_points_keep_their_methods(qt: Any) -> None:
    assert qt.QTableWidgetItem("v").text() == "v"
    assert qt.QPoint(1, 2).x() == 1


@pytest.mark.parametrize(
    ("name", "value"), [("text", 5), ("text", None), ("checkable", object()), ("iconSize", "big")]
)
def test_wrong_type_is_refused(qt: Any, name: str, value: Any) -> None:
    button = qt.QPushButton("kept")
    with pytest.raises(ValueError, match=f"Property '{name}'"):
        setattr(button, name, value)
    assert button.text == "kept"


def test_fraction_is_no_integer(qt: Any) -> None:
    """Qt would round it, PythonQt would cut it off."""
    with pytest.raises(ValueError, match="does not accept"):
        qt.QSlider().value = 3.7


def test_read_only_property_is_not_written(qt: Any) -> None:
    with pytest.raises(AttributeError, match="not writable"):
        qt.QComboBox().count = 3


def test_static_function_of_same_name_stays_on_class(qt: Any) -> None:
    assert callable(qt.QTimer.singleShot)
    assert qt.QTimer().singleShot is False


def test_property_of_qt6_alone_is_not_offered(qt: Any) -> None:
    """A header's `sectionsMovable` is a method in Qt 5."""
    table = qt.QTableWidget()
    header = table.horizontalHeader()
    header.setSectionsMovable(True)
    with pytest.raises(AttributeError, match="method in Qt 5"):
        header.sectionsMovable  # noqa: B018


def test_name_is_object_name(qt: Any) -> None:
    widget = qt.QWidget()
    widget.objectName = "panel"
    assert widget.name == "panel"
    widget.name = "other"
    assert widget.objectName == "other"


def test_subclass_of_a_module_may_have_attributes(qt: Any) -> None:
    class Panel(qt.QWidget):
        def __init__(self, parent: Any = None) -> None:
            qt.QWidget.__init__(self, parent)
            self.count = 3

    assert Panel().count == 3


def test_every_writable_property_takes_back_its_own_value(qt: Any) -> None:
    """Of all widgets: reading and writing as attribute agree. `spacing` is no attribute."""
    seen = 0
    for name in dir(qt):
        kind = getattr(qt, name)
        if not isinstance(kind, type) or not issubclass(kind, qt.QWidget) or "Rhi" in name:
            continue
        try:
            widget = kind()
        except (TypeError, NotImplementedError, RuntimeError):
            continue  # abstract, or wants arguments
        meta = kind.staticMetaObject
        for index in range(meta.propertyCount()):
            described = meta.property(index)
            own = index >= meta.propertyOffset() and described.name() != "spacing"
            if own and described.isWritable() and hasattr(widget, described.name()):
                setattr(widget, described.name(), getattr(widget, described.name()))
                seen += 1
    assert seen > 200
