"""Stand-ins for CTK's widgets of two values, a lower and an upper one."""

from __future__ import annotations

from typing import Any

from PySide6 import QtCore, QtWidgets

from SlicerHost.ctk_spin_boxes import ctkDoubleSpinBox
from SlicerHost.stand_in import forwarded, rowLayout, standIn, stored


class _Range(QtWidgets.QWidget):
    """Two spin boxes; the lower value never passes the upper one."""

    valuesChanged = QtCore.Signal(float, float)
    minimumValueChanged = QtCore.Signal(float)
    maximumValueChanged = QtCore.Signal(float)
    rangeChanged = QtCore.Signal(float, float)

    pageStep = stored(float, "pageStep", 10.0)
    tracking = stored(bool, "tracking", True)

    def __init__(self, *arguments: Any) -> None:
        parents = [a for a in arguments if isinstance(a, QtWidgets.QWidget)]
        super().__init__(parents[0] if parents else None)
        self._low, self._high = ctkDoubleSpinBox(), ctkDoubleSpinBox()
        rowLayout(self, self._low, self._high)
        self._high.setValue(99.0)
        self._low.connect("valueChanged(double)", self._onLow)
        self._high.connect("valueChanged(double)", self._onHigh)

    singleStep = forwarded(float, "_low", "singleStep", "_copyStep")

    def _getLow(self) -> float:
        return float(self._low.value)

    def setMinimumValue(self, value: float) -> None:
        self._low.setValue(min(value, self._high.value))

    minimumValue = QtCore.Property(float, _getLow, setMinimumValue)

    def _getHigh(self) -> float:
        return float(self._high.value)

    def setMaximumValue(self, value: float) -> None:
        self._high.setValue(max(value, self._low.value))

    maximumValue = QtCore.Property(float, _getHigh, setMaximumValue)

    def setValues(self, low: float, high: float) -> None:
        self._high.setValue(max(high, self._low.value))
        self._low.setValue(low)
        self._high.setValue(high)

    def _getMinimum(self) -> float:
        return float(self._low.minimum)

    def _setMinimum(self, minimum: float) -> None:
        self._setRange(minimum, max(minimum, self._low.maximum))

    minimum = QtCore.Property(float, _getMinimum, _setMinimum)

    def _getMaximum(self) -> float:
        return float(self._low.maximum)

    def _setMaximum(self, maximum: float) -> None:
        self._setRange(min(maximum, self._low.minimum), maximum)

    maximum = QtCore.Property(float, _getMaximum, _setMaximum)

    def _setRange(self, minimum: float, maximum: float) -> None:
        for box in (self._low, self._high):
            box.minimum, box.maximum = float(minimum), float(maximum)
        self.rangeChanged.emit(minimum, maximum)

    def _copyStep(self) -> None:
        self._high.singleStep = self._low.singleStep

    def _onLow(self, value: float) -> None:
        if value > self._high.value:
            self._high.setValue(value)
        self.minimumValueChanged.emit(value)
        self.valuesChanged.emit(value, self._high.value)

    def _onHigh(self, value: float) -> None:
        if value < self._low.value:
            self._low.setValue(value)
        self.maximumValueChanged.emit(value)
        self.valuesChanged.emit(self._low.value, value)


@standIn
class ctkRangeWidget(_Range):
    """A range slider with a spin box at each end."""

    decimals = forwarded(int, "_low", "decimals", "_copyLook")
    prefix = forwarded(str, "_low", "prefix", "_copyLook")
    suffix = forwarded(str, "_low", "suffix", "_copyLook")

    def _copyLook(self) -> None:
        self._high.setDecimals(self._low.decimals)
        self._high.prefix, self._high.suffix = self._low.prefix, self._low.suffix


@standIn
class ctkDoubleRangeSlider(_Range):
    """A range slider alone."""
