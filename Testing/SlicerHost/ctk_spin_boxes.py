"""Stand-in for CTK's spin box of a floating-point value."""

from __future__ import annotations

from typing import ClassVar

from PySide6 import QtCore, QtWidgets

from SlicerHost.stand_in import forwarded, rowLayout, standIn, stored


@standIn
class ctkDoubleSpinBox(QtWidgets.QWidget):
    """A QDoubleSpinBox inside a plain widget, which shows its properties and few methods."""

    valueChanged = QtCore.Signal(float)
    _textChanged = QtCore.Signal(str)
    editingFinished = QtCore.Signal()
    decimalsChanged = QtCore.Signal(int)
    signalAliases: ClassVar = {
        "valueChanged(double)": "valueChanged",
        "valueChanged(QString)": "_textChanged",
    }

    SetAlways, SetIfDifferent = 0, 1
    FixedDecimals, DecimalsByShortcuts, DecimalsByKey, DecimalsByValue = 0, 1, 2, 4
    InsertDecimals, ReplaceDecimals, DecimalsAsMax, DecimalsAsMin = 8, 16, 32, 64
    SizeHintByMinMax, SizeHintByValue = 0, 1

    alignment = forwarded(QtCore.Qt.AlignmentFlag, "_box", "alignment")
    frame = forwarded(bool, "_box", "frame")
    readOnly = forwarded(bool, "_box", "readOnly")
    prefix = forwarded(str, "_box", "prefix")
    suffix = forwarded(str, "_box", "suffix")
    cleanText = forwarded(str, "_box", "cleanText")
    minimum = forwarded(float, "_box", "minimum")
    maximum = forwarded(float, "_box", "maximum")
    singleStep = forwarded(float, "_box", "singleStep")
    setMode = stored(int, "setMode", SetIfDifferent)
    decimalsOption = stored(int, "decimalsOption", DecimalsByShortcuts | InsertDecimals)
    invertedControls = stored(bool, "invertedControls", False)
    sizeHintPolicy = stored(int, "sizeHintPolicy", SizeHintByMinMax)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._box = QtWidgets.QDoubleSpinBox()
        rowLayout(self, self._box)
        self.setFocusProxy(self._box)
        self._box.connect("valueChanged(double)", self.valueChanged.emit)
        self._box.textChanged.connect(self._textChanged.emit)
        self._box.editingFinished.connect(self.editingFinished.emit)

    def _getValue(self) -> float:
        return float(self._box.value)

    def setValue(self, value: float) -> None:
        self._box.setValue(value)

    value = QtCore.Property(float, _getValue, setValue, user=True)
    setValueIfDifferent = setValue
    setValueAlways = setValue

    def _getDecimals(self) -> int:
        return int(self._box.decimals)

    def setDecimals(self, decimals: int) -> None:
        if decimals != self._box.decimals:
            self._box.setDecimals(decimals)
            self.decimalsChanged.emit(decimals)

    decimals = QtCore.Property(int, _getDecimals, setDecimals)

    def setReadOnly(self, readOnly: bool) -> None:
        self._box.setReadOnly(readOnly)

    def stepUp(self) -> None:
        self._box.stepUp()

    def stepDown(self) -> None:
        self._box.stepDown()
