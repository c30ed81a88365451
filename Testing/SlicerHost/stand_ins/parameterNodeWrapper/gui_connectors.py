"""Which widget shows which type of parameter, and how its value is read, written and limited."""

from __future__ import annotations

import enum
import pathlib
from abc import ABC, abstractmethod
from typing import Any

import slicer

from .annotations import Decimals, RangeBounds, SingleStep
from .ranges import FloatRange
from .validators import Choice, Maximum, Minimum, WithinRange


class Connector(ABC):
    """One widget, seen as the value of one parameter."""

    signal: str | None

    def __init__(self, widget: Any, parameter: Any) -> None:
        self.widget = widget
        self.parameter = parameter

    @abstractmethod
    def read(self) -> Any: ...

    @abstractmethod
    def write(self, value: Any) -> None: ...

    def annotation(self, kind: type) -> Any:
        return next((a for a in self.parameter.annotations if isinstance(a, kind)), None)


class ButtonConnector(Connector):
    """A check box, or a button that stays down."""

    signal = "toggled(bool)"

    def read(self) -> bool:
        return bool(self.widget.checked)

    def write(self, value: Any) -> None:
        self.widget.setChecked(value)


class NumberConnector(Connector):
    """Spin boxes and sliders; limits, decimals and steps come from the annotations."""

    def __init__(self, widget: Any, parameter: Any) -> None:
        super().__init__(widget, parameter)
        self.signal = "valueChanged(int)" if parameter.datatype is int else "valueChanged(double)"
        self._set("decimals", Decimals, "value")
        self._set("singleStep", SingleStep, "value")
        for kind in (WithinRange, Minimum):
            self._set("minimum", kind, "minimum")
        for kind in (WithinRange, Maximum):
            self._set("maximum", kind, "maximum")

    def _set(self, name: str, kind: type, member: str) -> None:
        """Give the widget's property what an annotation says, if there is one."""
        annotation = self.annotation(kind)
        if annotation:
            setattr(self.widget, name, getattr(annotation, member))

    def read(self) -> Any:
        return self.parameter.datatype(self.widget.value)

    def write(self, value: Any) -> None:
        self.widget.setValue(value)


class LabelConnector(Connector):
    """Shows a text; nothing comes back."""

    signal = None

    def read(self) -> str:
        return self.widget.text

    def write(self, value: Any) -> None:
        self.widget.setText(value)


class LineConnector(Connector):
    """One line of text."""

    signal = "textChanged(QString)"

    def read(self) -> str:
        return self.widget.text

    def write(self, value: Any) -> None:
        self.widget.setText(value)


class TextConnector(Connector):
    """Several lines of text."""

    signal = "textChanged()"

    def read(self) -> str:
        return self.widget.toPlainText()

    def write(self, value: Any) -> None:
        self.widget.setPlainText(value)


class ChoiceConnector(Connector):
    """A combo box over a Choice or an enumeration; the connection fills in the items."""

    signal = "currentIndexChanged(int)"

    def __init__(self, widget: Any, parameter: Any) -> None:
        super().__init__(widget, parameter)
        choice = self.annotation(Choice)
        if choice is None and not _isKindOf(parameter.datatype, enum.Enum):
            raise ValueError(f"{parameter.name}: a combo box needs a Choice")
        self._values = list(choice.choices) if choice else list(parameter.datatype)
        widget.clear()
        for value in self._values:
            widget.addItem(_label(value))

    def read(self) -> Any:
        index = self.widget.currentIndex
        return self._values[index] if index >= 0 else None

    def write(self, value: Any) -> None:
        self.widget.setCurrentIndex(self._values.index(value))


class PathConnector(Connector):
    """A file or folder."""

    signal = "currentPathChanged(QString)"

    def read(self) -> pathlib.Path:
        return pathlib.Path(self.widget.currentPath)

    def write(self, value: Any) -> None:
        self.widget.currentPath = "" if value == pathlib.Path() else str(value)


class RangeConnector(Connector):
    """Two handles on one slider."""

    signal = "valuesChanged(double,double)"

    def __init__(self, widget: Any, parameter: Any) -> None:
        super().__init__(widget, parameter)
        bounds = self.annotation(RangeBounds)
        if bounds:
            widget.setRange(bounds.minimum, bounds.maximum)

    def read(self) -> FloatRange:
        return FloatRange(self.widget.minimumValue, self.widget.maximumValue)

    def write(self, value: Any) -> None:
        self.widget.setValues(value.minimum, value.maximum)


class NodeConnector(Connector):
    """A node chooser."""

    signal = "currentNodeChanged(vtkMRMLNode*)"

    def read(self) -> Any:
        return self.widget.currentNode()

    def write(self, value: Any) -> None:
        self.widget.setCurrentNode(value)


_CHOICES = dict.fromkeys(("QComboBox", "ctkComboBox"), ChoiceConnector)
# Type of the parameter -> the widgets that may show it, as Slicer's documentation lists them.
_CONNECTORS: dict[type, dict[str, type[Connector]]] = {
    bool: dict.fromkeys(("QCheckBox", "ctkCheckBox", "QPushButton"), ButtonConnector) | _CHOICES,
    int: dict.fromkeys(("QSlider", "QSpinBox"), NumberConnector) | _CHOICES,
    float: dict.fromkeys(
        ("QDoubleSpinBox", "ctkSliderWidget", "ctkDoubleSlider", "ctkDoubleSpinBox"),
        NumberConnector,
    )
    | _CHOICES,
    str: {
        "QLabel": LabelConnector,
        "QLineEdit": LineConnector,
        "QTextEdit": TextConnector,
        **_CHOICES,
    },
    pathlib.Path: {"ctkPathLineEdit": PathConnector},
    FloatRange: {"ctkRangeWidget": RangeConnector},
    enum.Enum: _CHOICES,
    slicer.vtkMRMLNode: {"qMRMLNodeComboBox": NodeConnector},
}


def createConnector(parameter: Any, widget: Any) -> Connector:
    """The connector of a widget; raises TypeError if it cannot show the parameter's type."""
    for datatype, connectors in _CONNECTORS.items():
        connector = connectors.get(widget.className())
        if connector and _isKindOf(parameter.datatype, datatype):
            return connector(widget, parameter)
    raise TypeError(
        f"No connection between a {widget.className()} and {parameter.name} ({parameter.datatype})"
    )


def _isKindOf(datatype: Any, base: type) -> bool:
    if base in (enum.Enum, slicer.vtkMRMLNode):
        return isinstance(datatype, type) and issubclass(datatype, base)
    return datatype is base


def _label(value: Any) -> str:
    """Enumerations may have a method `label` for what the user reads."""
    if not isinstance(value, enum.Enum):
        return str(value)
    return value.label() if hasattr(value, "label") else value.name
