"""Lines with an icon that say what is wrong, what is odd, or what was done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import qt
from slicer.i18n import tr as _

ICON_PIXELS = 16
LEVELS = ("error", "warning", "info")


class Notices:
    """Shows any number of (level, text) in a layout; nothing is seen while there are none.

    level: "error", "warning" or "info"; told by the icon, and to screen readers in words.
    """

    def __init__(self, layout: Any) -> None:
        self.widget = qt.QWidget()
        self._grid = qt.QGridLayout(self.widget)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(1, 1)
        self._rows: list[tuple[Any, Any]] = []
        self._shown: list[tuple[str, str]] = []
        layout.addWidget(self.widget)
        self.widget.hide()

    @property
    def shown(self) -> list[tuple[str, str]]:
        """What is shown now."""
        return list(self._shown)

    def show(self, notices: Iterable[tuple[str, str]]) -> None:
        """Show these lines and no others."""
        self._shown = list(notices)
        while len(self._rows) < len(self._shown):
            self._rows.append(self._newRow(len(self._rows)))
        for row, (icon, label) in enumerate(self._rows):
            used = row < len(self._shown)
            icon.setVisible(used)
            label.setVisible(used)
            if used:
                self._fill(icon, label, *self._shown[row])
        self.widget.setVisible(bool(self._shown))

    def _newRow(self, row: int) -> tuple[Any, Any]:
        icon, label = qt.QLabel(), qt.QLabel()
        label.setWordWrap(True)
        label.setTextInteractionFlags(qt.Qt.TextSelectableByMouse)
        self._grid.addWidget(icon, row, 0, qt.Qt.AlignTop)
        self._grid.addWidget(label, row, 1)
        return icon, label

    def _fill(self, icon: Any, label: Any, level: str, text: str) -> None:
        style = self.widget.style()
        icons = (
            qt.QStyle.SP_MessageBoxCritical,
            qt.QStyle.SP_MessageBoxWarning,
            qt.QStyle.SP_MessageBoxInformation,
        )
        picture = style.standardIcon(icons[LEVELS.index(level)])
        icon.setPixmap(picture.pixmap(ICON_PIXELS, ICON_PIXELS))
        label.setText(sentence(text))
        words = {"error": _("Error"), "warning": _("Warning"), "info": _("Note")}
        label.setAccessibleName(f"{words[level]}: {text}")


def sentence(text: str) -> str:
    """Begin with a capital, unless a colon shows that a file or a node is named first."""
    return text if ":" in text else text[:1].upper() + text[1:]
