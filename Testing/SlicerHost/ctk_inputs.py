"""Stand-ins for CTK's combo boxes, paths and text fields."""

from __future__ import annotations

from typing import Any, ClassVar

from PySide6 import QtCore, QtGui, QtWidgets

from SlicerHost.stand_in import forwarded, rowLayout, standIn, stored


@standIn
class ctkComboBox(QtWidgets.QComboBox):
    """A combo box with a text for when nothing is chosen."""

    defaultText = stored(str, "defaultText", "", "_showDefault")
    defaultIcon = stored(QtGui.QIcon, "defaultIcon", QtGui.QIcon())
    forceDefault = stored(bool, "forceDefault", False)
    scrollWheelEnabled = stored(bool, "scrollWheelEnabled", True)

    def _showDefault(self) -> None:
        self.setPlaceholderText(self.defaultText)


@standIn
class ctkSearchBox(QtWidgets.QLineEdit):
    """A line edit with a search icon; its clear button appears with text."""

    showSearchIcon = stored(bool, "showSearchIcon", False)
    alwaysShowClearIcon = stored(bool, "alwaysShowClearIcon", False)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setClearButtonEnabled(True)
        self.setPlaceholderText("Search...")


@standIn
class ctkFittedTextBrowser(QtWidgets.QTextBrowser):
    """A text browser as high as its text."""

    collapsed = stored(bool, "collapsed", True)
    showMoreText = stored(str, "showMoreText", "More...")
    showLessText = stored(str, "showLessText", "Less...")


@standIn
class ctkPathLineEdit(QtWidgets.QWidget):
    """A path of a file or folder, to be typed or browsed for."""

    currentPathChanged = QtCore.Signal(str)
    validInputChanged = QtCore.Signal(bool)

    Dirs, Files, Drives, NoSymLinks = 1, 2, 4, 8
    Readable, Writable, Executable, Hidden = 0x10, 0x20, 0x40, 0x100

    label = stored(str, "label", "")
    filters = stored(int, "filters", Dirs | Files | Drives)
    options = stored(int, "options", 0)
    settingKey = stored(str, "settingKey", "", "retrieveHistory")
    sizeAdjustPolicy = stored(int, "sizeAdjustPolicy", 1)
    minimumContentsLength = stored(int, "minimumContentsLength", 0)
    nameFilters = stored("QStringList", "nameFilters", [])

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._combo = QtWidgets.QComboBox()
        self._combo.setEditable(True)
        self._combo.setInsertPolicy(QtWidgets.QComboBox.InsertPolicy.NoInsert)
        self._button = QtWidgets.QToolButton()
        self._button.setText("...")
        rowLayout(self, self._combo, self._button)
        self.setFocusProxy(self._combo)
        self._combo.editTextChanged.connect(self._onText)
        self._button.clicked.connect(self.browse)

    def _getPath(self) -> str:
        return str(self._combo.currentText)

    def setCurrentPath(self, path: str) -> None:
        self._combo.setEditText(path)

    currentPath = QtCore.Property(str, _getPath, setCurrentPath, user=True)

    def _hasBrowseButton(self) -> bool:
        return not self._button.isHidden()

    def _setBrowseButton(self, shown: bool) -> None:
        self._button.setVisible(shown)

    showBrowseButton = QtCore.Property(bool, _hasBrowseButton, _setBrowseButton)
    showHistoryButton = stored(bool, "showHistoryButton", True)

    def _onText(self, text: str) -> None:
        self.currentPathChanged.emit(text)
        self.validInputChanged.emit(QtCore.QFileInfo(text).exists())

    def browse(self) -> None:
        dialog = QtWidgets.QFileDialog
        if not self.filters & self.Files:
            path = dialog.getExistingDirectory(self, self.label, self.currentPath)
        elif self.filters & self.Writable:
            path = dialog.getSaveFileName(self, self.label, self.currentPath)
        else:
            path = dialog.getOpenFileName(self, self.label, self.currentPath)
        if path:
            self.setCurrentPath(path)

    def _historyKey(self) -> str:
        return f"PathHistory/{self.settingKey or self.property('objectName')}"

    def retrieveHistory(self) -> None:
        paths = QtCore.QSettings().value(self._historyKey()) or []
        current = self.currentPath
        self._combo.blockSignals(True)
        self._combo.clear()
        self._combo.addItems([paths] if isinstance(paths, str) else list(paths))
        self._combo.setEditText(current)
        self._combo.blockSignals(False)

    def addCurrentPathToHistory(self) -> None:
        paths = QtCore.QSettings().value(self._historyKey()) or []
        kept = [p for p in ([paths] if isinstance(paths, str) else paths) if p != self.currentPath]
        QtCore.QSettings().setValue(self._historyKey(), [self.currentPath, *kept][:5])
        self.retrieveHistory()


@standIn
class ctkDirectoryButton(QtWidgets.QWidget):
    """A button that shows a folder and opens a dialog to choose another."""

    directoryChanged = QtCore.Signal(str)
    directorySelected = QtCore.Signal(str)
    caption = stored(str, "caption", "")
    options = stored(int, "options", 1)
    acceptMode = stored(int, "acceptMode", 0)
    displayAbsolutePath = stored(bool, "displayAbsolutePath", True)
    text = forwarded(str, "_button", "text")
    icon = forwarded(QtGui.QIcon, "_button", "icon")

    def __init__(self, *arguments: Any) -> None:
        parents = [a for a in arguments if isinstance(a, QtWidgets.QWidget)]
        super().__init__(parents[0] if parents else None)
        self._button = QtWidgets.QPushButton()
        rowLayout(self, self._button)
        self._directory = QtCore.QDir.currentPath()
        self._button.setText(self._directory)
        self._button.clicked.connect(self.browse)

    def _getDirectory(self) -> str:
        return self._directory

    def setDirectory(self, directory: str) -> None:
        if directory == self._directory:
            return
        self._directory = directory
        self._button.setText(directory)
        self.directoryChanged.emit(directory)

    directory = QtCore.Property(str, _getDirectory, setDirectory, user=True)

    def browse(self) -> None:
        chosen = QtWidgets.QFileDialog.getExistingDirectory(self, self.caption, self._directory)
        if chosen:
            self.setDirectory(chosen)
            self.directorySelected.emit(chosen)


@standIn
class ctkCoordinatesWidget(QtWidgets.QWidget):
    """Spin boxes for the coordinates of a point, and as text `"x,y,z"`."""

    coordinatesChanged = QtCore.Signal(object)
    signalAliases: ClassVar = {"coordinatesChanged(double*)": "coordinatesChanged"}
    minimum = stored(float, "minimum", -100000.0, "_limit")
    maximum = stored(float, "maximum", 100000.0, "_limit")
    singleStep = stored(float, "singleStep", 1.0, "_limit")
    decimals = stored(int, "decimals", 3, "_limit")
    normalized = stored(bool, "normalized", False)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._boxes = [QtWidgets.QDoubleSpinBox() for _ in range(3)]
        rowLayout(self, *self._boxes)
        self._limit()
        for box in self._boxes:
            box.connect("valueChanged(double)", self._onValue)

    def _limit(self) -> None:
        for box in self._boxes:
            box.setDecimals(self.decimals)
            box.setRange(self.minimum, self.maximum)
            box.setSingleStep(self.singleStep)

    def _onValue(self) -> None:
        self.coordinatesChanged.emit([box.value for box in self._boxes])

    def _getText(self) -> str:
        return ",".join(f"{box.value:g}" for box in self._boxes)

    def _setText(self, text: str) -> None:
        for box, value in zip(self._boxes, text.split(","), strict=False):
            box.setValue(float(value))

    coordinates = QtCore.Property(str, _getText, _setText)
