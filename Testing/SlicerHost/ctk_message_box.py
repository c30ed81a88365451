"""Stand-in for CTK's message box, which `slicer.util.messageBox` shows."""

from __future__ import annotations

from PySide6 import QtCore, QtWidgets

from SlicerHost.stand_in import standIn

_SHOW = QtWidgets.QMessageBox.ButtonRole.InvalidRole.value


@standIn
class ctkMessageBox(QtWidgets.QMessageBox):
    """A message box with a check box "Don't show this message again", kept in the settings."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._skipped = False
        self._key = ""
        self._check = QtWidgets.QCheckBox("Don't show this message again")

    def _isSkipped(self) -> bool:
        return self._skipped

    def setDontShowAgain(self, skipped: bool) -> None:
        self._skipped = skipped
        self._check.setChecked(skipped)
        if self._key:
            QtCore.QSettings().setValue(self._key, self._defaultButton() if skipped else _SHOW)

    dontShowAgain = QtCore.Property(bool, _isSkipped, setDontShowAgain)

    def _getKey(self) -> str:
        return self._key

    def _setKey(self, key: str) -> None:
        self._key = key
        self._setVisible(bool(key))
        self._skipped = bool(key) and int(QtCore.QSettings().value(key, _SHOW)) != _SHOW

    dontShowAgainSettingsKey = QtCore.Property(str, _getKey, _setKey)

    def _isVisible(self) -> bool:
        return self.checkBox() is not None

    def _setVisible(self, visible: bool) -> None:
        self.setCheckBox(self._check if visible else None)

    dontShowAgainVisible = QtCore.Property(bool, _isVisible, _setVisible)

    def _defaultButton(self) -> int:
        buttons = self.standardButtons.value
        return buttons & -buttons or QtWidgets.QMessageBox.StandardButton.Ok.value

    def exec_(self) -> int:
        """Show the box, or answer with its first button where it is not to be shown again."""
        if self._skipped:
            return self._defaultButton()
        result = QtWidgets.QMessageBox.exec_(self)
        if self._check.isChecked() and result != QtWidgets.QMessageBox.StandardButton.Cancel.value:
            self.setDontShowAgain(True)
        return result
