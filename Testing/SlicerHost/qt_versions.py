"""Where Qt 5.15 (Slicer 5.12) and Qt 6 (Slicer 5.13 on) differ in what a script can see.

Taken from the meta-objects of both. A property that only Qt 6 has is a method in Qt 5, so neither
`w.timeZone` nor `w.timeZone()` runs in both; the host therefore offers neither.
"""

from __future__ import annotations

QT6_ONLY_PROPERTIES: dict[str, frozenset[str]] = {
    "QAbstractItemView": frozenset({"keyboardSearchFlags", "updateThreshold"}),
    "QColumnView": frozenset({"previewColumnVisible"}),
    "QComboBox": frozenset({"labelDrawingMode"}),
    "QDateTimeEdit": frozenset({"timeZone"}),
    "QDockWidget": frozenset({"dockLocation"}),
    "QHeaderView": frozenset({"sectionsClickable", "sectionsMovable", "sortIndicatorClearable"}),
    "QKeySequenceEdit": frozenset(
        {"clearButtonEnabled", "finishingKeyCombinations", "maximumSequenceLength"}
    ),
    "QLayout": frozenset({"contentsMargins", "horizontalSizeConstraint", "verticalSizeConstraint"}),
    "QListWidget": frozenset({"supportedDragActions"}),
    "QMessageBox": frozenset({"options"}),
    "QSortFilterProxyModel": frozenset({"autoAcceptChildRows"}),
    "QStyleHints": frozenset(
        {
            "accessibility",
            "colorScheme",
            "contextMenuTrigger",
            "keyboardAutoRepeatRateF",
            "menuSelectionWraps",
            "toolTipWakeUpDelay",
            "toolTipWakeUpDelayAsMSec",
        }
    ),
    "QTableWidget": frozenset({"supportedDragActions"}),
    "QTextDocument": frozenset({"layoutEnabled"}),
    "QTreeWidget": frozenset({"supportedDragActions"}),
    "QWidget": frozenset({"accessibleIdentifier"}),
}

QT6_ONLY_SIGNALS: dict[str, frozenset[str]] = {
    "QAbstractSpinBox": frozenset({"returnPressed()"}),
    "QAction": frozenset({"checkableChanged(bool)", "enabledChanged(bool)", "visibleChanged()"}),
    "QCheckBox": frozenset({"checkStateChanged(Qt::CheckState)"}),
    "QHeaderView": frozenset({"sortIndicatorClearableChanged(bool)"}),
    "QStackedLayout": frozenset({"widgetAdded(int)"}),
    "QStackedWidget": frozenset({"widgetAdded(int)"}),
    "QStyleHints": frozenset({"colorSchemeChanged(Qt::ColorScheme)"}),
}

# Overloaded in Qt 5: by name alone PythonQt may connect the other overload than Qt 6 has.
OVERLOADED_SIGNALS: dict[str, frozenset[str]] = {
    "QButtonGroup": frozenset(
        {"buttonClicked", "buttonPressed", "buttonReleased", "buttonToggled"}
    ),
    "QComboBox": frozenset({"activated", "currentIndexChanged", "highlighted"}),
    "QDoubleSpinBox": frozenset({"valueChanged"}),
    "QProcess": frozenset({"finished"}),
    "QSpinBox": frozenset({"valueChanged"}),
    "QTextBrowser": frozenset({"highlighted"}),
    "ctkDoubleSpinBox": frozenset({"valueChanged"}),
    "qMRMLNodeComboBox": frozenset({"currentNodeChanged"}),
    "qMRMLSegmentSelectorWidget": frozenset({"currentNodeChanged"}),
}

# Gone from Qt 6, or offered by PySide6 but not by PythonQt: name -> what to use instead.
UNPORTABLE_NAMES: dict[str, str] = {
    "Property": "a plain Python property",
    "QDesktopWidget": "qt.QGuiApplication.primaryScreen()",
    "QDirModel": "qt.QFileSystemModel",
    "QRegExp": "qt.QRegularExpression",
    "QRegExpValidator": "qt.QRegularExpressionValidator",
    "QState": "plain Python",
    "QStateMachine": "plain Python",
    "QTextCodec": "bytes.decode",
    "Signal": "RegQCScene.signal.Signal",
    "Slot": "a plain method",
}


def isHidden(classes: list[str], name: str, table: dict[str, frozenset[str]]) -> bool:
    """Whether `table` lists `name` for one of these class names."""
    return any(name in table.get(one, ()) for one in classes)
