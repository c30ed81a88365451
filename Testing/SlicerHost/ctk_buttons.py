"""Stand-ins for CTK's buttons and collapsible boxes."""

from __future__ import annotations

from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

from SlicerHost.stand_in import standIn, stored

_NO_LIMIT = 16777215  # Qt's QWIDGETSIZE_MAX


def _children(widget: QtWidgets.QWidget) -> list[QtWidgets.QWidget]:
    return [
        child
        for child in widget.children()
        if isinstance(child, QtWidgets.QWidget) and not child.isWindow()
    ]


class _Folding:
    """Hides a widget's children while collapsed, and shows again those that were not hidden."""

    def __init__(self, widget: QtWidgets.QWidget) -> None:
        self._widget = widget
        self._folded: list[QtWidgets.QWidget] = []

    def fold(self, child: QtWidgets.QWidget) -> None:
        explicit = child.testAttribute(QtCore.Qt.WidgetAttribute.WA_WState_ExplicitShowHide)
        if not (explicit and child.isHidden()):
            child.hide()
            self._folded.append(child)

    def set(self, collapsed: bool, collapsedHeight: int) -> None:
        if collapsed:
            for child in _children(self._widget):
                self.fold(child)
        else:
            for child in self._folded:
                child.show()
            self._folded.clear()
        self._widget.setMaximumHeight(collapsedHeight if collapsed else _NO_LIMIT)


@standIn
class ctkCollapsibleButton(QtWidgets.QAbstractButton):
    """A header that folds what is inside; `checked` is the opposite of `collapsed`."""

    contentsCollapsed = QtCore.Signal(bool)
    collapsedHeight = stored(int, "collapsedHeight", 10, "_fold")
    contentsFrameShape = stored(int, "contentsFrameShape", 0)
    contentsFrameShadow = stored(int, "contentsFrameShadow", 0)
    contentsLineWidth = stored(int, "contentsLineWidth", 1)
    contentsMidLineWidth = stored(int, "contentsMidLineWidth", 0)

    def __init__(self, text: Any = "", parent: QtWidgets.QWidget | None = None) -> None:
        if not isinstance(text, str):
            text, parent = "", text
        super().__init__(parent)
        self._folding = _Folding(self)
        self.setText(text)
        self.setCheckable(True)
        self.setChecked(True)
        policy = QtWidgets.QSizePolicy.Policy
        self.setSizePolicy(policy.Preferred, policy.Preferred)
        self.setContentsMargins(4, self._headerHeight() + 2, 4, 4)
        self.toggled.connect(self._onToggled)

    def _isCollapsed(self) -> bool:
        return not self.isChecked()

    def _setCollapsed(self, collapsed: bool) -> None:
        self.setChecked(not collapsed)

    collapsed = QtCore.Property(bool, _isCollapsed, _setCollapsed)

    def _onToggled(self, checked: bool) -> None:
        self._fold()
        self.contentsCollapsed.emit(not checked)

    def _fold(self) -> None:
        collapsed = self._isCollapsed()
        self._folding.set(collapsed, self._headerHeight() + self.collapsedHeight)
        self.updateGeometry()

    def _headerHeight(self) -> int:
        return self.fontMetrics().height() + 8

    def childEvent(self, event: QtCore.QChildEvent) -> None:
        super().childEvent(event)
        child = event.child()
        if event.added() and isinstance(child, QtWidgets.QWidget) and self._isCollapsed():
            self._folding.fold(child)

    def hitButton(self, position: QtCore.QPoint) -> bool:
        return 0 <= position.y() < self._headerHeight()

    def sizeHint(self) -> QtCore.QSize:
        header = QtCore.QSize(
            self.fontMetrics().horizontalAdvance(self.text) + 40, self._headerHeight()
        )
        if self._isCollapsed() or self.layout() is None:
            return header
        return self.layout().totalSizeHint().expandedTo(header)

    def minimumSizeHint(self) -> QtCore.QSize:
        if self._isCollapsed() or self.layout() is None:
            return QtCore.QSize(20, self._headerHeight())
        return self.layout().totalMinimumSize()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        painter = QtWidgets.QStylePainter(self)
        option = QtWidgets.QStyleOptionButton()
        option.initFrom(self)
        height = self._headerHeight()
        option.rect = QtCore.QRect(0, 0, self.width, height)
        style = QtWidgets.QStyle
        painter.drawControl(style.ControlElement.CE_PushButtonBevel, option)
        option.rect = QtCore.QRect(6, (height - 12) // 2, 12, 12)
        element = style.PrimitiveElement
        collapsed = self._isCollapsed()
        painter.drawPrimitive(
            element.PE_IndicatorArrowRight if collapsed else element.PE_IndicatorArrowDown, option
        )
        flags = (
            QtCore.Qt.AlignmentFlag.AlignVCenter.value | QtCore.Qt.TextFlag.TextShowMnemonic.value
        )
        painter.drawItemText(
            QtCore.QRect(24, 0, self.width - 24, height),
            flags,
            option.palette,
            self.isEnabled(),
            self.text,
            QtGui.QPalette.ColorRole.ButtonText,
        )


@standIn
class ctkCollapsibleGroupBox(QtWidgets.QGroupBox):
    """A group box whose title folds it."""

    collapsedHeight = stored(int, "collapsedHeight", 14, "_fold")

    def __init__(self, title: Any = "", parent: QtWidgets.QWidget | None = None) -> None:
        if not isinstance(title, str):
            title, parent = "", title
        super().__init__(title, parent)
        self._folding = _Folding(self)
        self.setCheckable(True)
        self.setChecked(True)
        self.toggled.connect(lambda _checked: self._fold())

    def _isCollapsed(self) -> bool:
        return not self.isChecked()

    def _setCollapsed(self, collapsed: bool) -> None:
        self.setChecked(not collapsed)

    collapsed = QtCore.Property(bool, _isCollapsed, _setCollapsed)

    def _fold(self) -> None:
        self._folding.set(self._isCollapsed(), self.fontMetrics().height() + self.collapsedHeight)


@standIn
class ctkCheckBox(QtWidgets.QCheckBox):
    """A check box that may show its indicator as an icon."""

    indicatorIcon = stored(QtGui.QIcon, "indicatorIcon", QtGui.QIcon())


@standIn
class ctkPushButton(QtWidgets.QPushButton):
    """A push button with alignments for text and icon, which the host does not draw."""

    buttonTextAlignment = stored(int, "buttonTextAlignment", 0)
    iconAlignment = stored(int, "iconAlignment", 0)


@standIn
class ctkCheckablePushButton(ctkPushButton):
    """A push button with a check box inside; the host draws it as a checkable button."""

    checkBoxToggled = QtCore.Signal(bool)
    checkBoxControlsButton = stored(bool, "checkBoxControlsButton", True)
    checkBoxControlsButtonToggleState = stored(bool, "checkBoxControlsButtonToggleState", True)
    checkBoxUserCheckable = stored(bool, "checkBoxUserCheckable", True)
    checkState = stored(int, "checkState", 0)


@standIn
class ctkMenuButton(QtWidgets.QPushButton):
    """A push button with a menu beside it."""


@standIn
class ctkColorPickerButton(QtWidgets.QPushButton):
    """A button that shows a color and opens a dialog to change it."""

    colorChanged = QtCore.Signal(QtGui.QColor)
    dialogOptions = stored(int, "dialogOptions", 0)

    def __init__(self, *arguments: Any) -> None:
        color, texts, parent = QtGui.QColor(0, 0, 0), [], None
        for argument in arguments:
            if isinstance(argument, QtGui.QColor):
                color = argument
            elif isinstance(argument, str):
                texts.append(argument)
            else:
                parent = argument
        super().__init__(parent)
        self._color = color
        self._displayColorName = True
        if texts:
            self.setText(texts[0])
        self.clicked.connect(self.changeColor)
        self._show()

    def _getColor(self) -> QtGui.QColor:
        return self._color

    def setColor(self, color: QtGui.QColor) -> None:
        if color == self._color:
            return
        self._color = QtGui.QColor(color)
        self._show()
        self.colorChanged.emit(self._color)

    color = QtCore.Property(QtGui.QColor, _getColor, setColor, user=True)

    def _showsName(self) -> bool:
        return self._displayColorName

    def setDisplayColorName(self, shown: bool) -> None:
        self._displayColorName = shown
        self._show()

    displayColorName = QtCore.Property(bool, _showsName, setDisplayColorName)

    def changeColor(self) -> None:
        chosen = QtWidgets.QColorDialog.getColor(self._color, self)
        if chosen.isValid():
            self.setColor(chosen)

    def _show(self) -> None:
        pixmap = QtGui.QPixmap(16, 16)
        pixmap.fill(self._color)
        self.setIcon(QtGui.QIcon(pixmap))
        if self._displayColorName:
            self.setText(self._color.name())
