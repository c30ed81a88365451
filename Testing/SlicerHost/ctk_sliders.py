"""Stand-ins for CTK's sliders of one floating-point value."""

from __future__ import annotations

from typing import Any

from PySide6 import QtCore, QtWidgets

from SlicerHost.ctk_spin_boxes import ctkDoubleSpinBox
from SlicerHost.stand_in import forwarded, rowLayout, standIn, stored

_MOST_STEPS = 1_000_000  # a QSlider counts in int; more steps than any screen has pixels


@standIn
class ctkDoubleSlider(QtWidgets.QWidget):
    """A slider of floating-point values: a QSlider that counts single steps from the minimum."""

    valueChanged = QtCore.Signal(float)
    sliderMoved = QtCore.Signal(float)
    sliderPressed = QtCore.Signal()
    sliderReleased = QtCore.Signal()
    rangeChanged = QtCore.Signal(float, float)
    positionChanged = QtCore.Signal(float)

    def __init__(self, orientation: Any = None, parent: QtWidgets.QWidget | None = None) -> None:
        if isinstance(orientation, QtWidgets.QWidget):
            orientation, parent = None, orientation
        super().__init__(parent)
        self._slider = QtWidgets.QSlider(orientation or QtCore.Qt.Orientation.Horizontal)
        rowLayout(self, self._slider)
        self._minimum, self._maximum, self._value, self._step = 0.0, 99.0, 0.0, 1.0
        self._show()
        self._slider.valueChanged.connect(self._onSteps)
        self._slider.sliderMoved.connect(lambda steps: self.sliderMoved.emit(self._at(steps)))
        self._slider.sliderPressed.connect(self.sliderPressed.emit)
        self._slider.sliderReleased.connect(self.sliderReleased.emit)

    def _getValue(self) -> float:
        return self._value

    def setValue(self, value: float) -> None:
        value = min(max(float(value), self._minimum), self._maximum)
        if value == self._value:
            return
        self._value = value
        self._show()
        self.valueChanged.emit(value)
        self.positionChanged.emit(value)

    value = QtCore.Property(float, _getValue, setValue, user=True)

    def _getMinimum(self) -> float:
        return self._minimum

    def _setMinimum(self, minimum: float) -> None:
        self._setRange(minimum, max(minimum, self._maximum))

    minimum = QtCore.Property(float, _getMinimum, _setMinimum)

    def _getMaximum(self) -> float:
        return self._maximum

    def _setMaximum(self, maximum: float) -> None:
        self._setRange(min(self._minimum, maximum), maximum)

    maximum = QtCore.Property(float, _getMaximum, _setMaximum)

    def _getStep(self) -> float:
        return self._step

    def _setStep(self, step: float) -> None:
        self._step = step
        self._show()

    singleStep = QtCore.Property(float, _getStep, _setStep)
    pageStep = stored(float, "pageStep", 10.0)
    tickInterval = stored(float, "tickInterval", 0.0)
    tracking = forwarded(bool, "_slider", "tracking")
    invertedAppearance = forwarded(bool, "_slider", "invertedAppearance")
    invertedControls = forwarded(bool, "_slider", "invertedControls")

    def _setRange(self, minimum: float, maximum: float) -> None:
        if (minimum, maximum) == (self._minimum, self._maximum):
            return
        self._minimum, self._maximum = float(minimum), float(maximum)
        self.rangeChanged.emit(self._minimum, self._maximum)
        before = self._value
        self.setValue(before)
        if self._value == before:
            self._show()

    def _unit(self) -> float:
        """What one step of the inner slider is worth."""
        return max(self._step, (self._maximum - self._minimum) / _MOST_STEPS) or 1.0

    def _at(self, steps: int) -> float:
        return min(self._minimum + steps * self._unit(), self._maximum)

    def _show(self) -> None:
        self._slider.blockSignals(True)
        count = (self._maximum - self._minimum) / self._unit()
        self._slider.setRange(0, max(1, round(count)))
        self._slider.setValue(round((self._value - self._minimum) / self._unit()))
        self._slider.blockSignals(False)

    def _onSteps(self, steps: int) -> None:
        self.setValue(self._at(steps))


@standIn
class ctkSliderWidget(QtWidgets.QWidget):
    """A slider and a spin box that show one value.

    While `tracking` is off, `valueIsChanging` comes during a drag and `valueChanged` after it.
    """

    valueChanged = QtCore.Signal(float)
    valueIsChanging = QtCore.Signal(float)

    minimum = forwarded(float, "_slider", "minimum", "_follow")
    maximum = forwarded(float, "_slider", "maximum", "_follow")
    singleStep = forwarded(float, "_slider", "singleStep", "_follow")
    pageStep = forwarded(float, "_slider", "pageStep")
    tickInterval = forwarded(float, "_slider", "tickInterval")
    decimals = forwarded(int, "_box", "decimals")
    prefix = forwarded(str, "_box", "prefix")
    suffix = forwarded(str, "_box", "suffix")
    tracking = stored(bool, "tracking", True)
    autoSpinBoxWidth = stored(bool, "autoSpinBoxWidth", True)
    popupSlider = stored(bool, "popupSlider", False)
    tickPosition = stored(int, "tickPosition", 0)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._slider, self._box = ctkDoubleSlider(), ctkDoubleSpinBox()
        rowLayout(self, self._slider, self._box)
        self.setFocusProxy(self._box)
        self._dragging, self._announced, self._seen = False, 0.0, 0.0
        self._follow()
        self._slider.sliderPressed.connect(self._onPressed)
        self._slider.sliderReleased.connect(self._onReleased)
        self._slider.valueChanged.connect(self.setValue)
        self._box.connect("valueChanged(double)", self.setValue)

    def _getValue(self) -> float:
        return float(self._slider.value)

    def setValue(self, value: float) -> None:
        self._slider.setValue(value)
        self._box.setValue(self._slider.value)
        self._announce()

    value = QtCore.Property(float, _getValue, setValue, user=True)

    def reset(self) -> None:
        self.setValue(0.0)

    def _isBoxVisible(self) -> bool:
        return not self._box.isHidden()

    def setSpinBoxVisible(self, visible: bool) -> None:
        self._box.setVisible(visible)

    spinBoxVisible = QtCore.Property(bool, _isBoxVisible, setSpinBoxVisible)

    def _announce(self) -> None:
        value = self._getValue()
        if value == self._announced:
            return
        if self._dragging and not self.tracking:
            if value != self._seen:
                self._seen = value
                self.valueIsChanging.emit(value)
            return
        self._announced = self._seen = value
        self.valueChanged.emit(value)

    def _onPressed(self) -> None:
        self._dragging = True

    def _onReleased(self) -> None:
        self._dragging = False
        self._announce()

    def _follow(self) -> None:
        """Give the spin box the slider's range and step."""
        self._box.minimum = self._slider.minimum
        self._box.maximum = self._slider.maximum
        self._box.singleStep = self._slider.singleStep
        self._box.setValue(self._slider.value)
        self._announce()
