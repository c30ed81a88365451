"""The table of slices: sorted by any column, flagged ones first on demand.

Rows are filled in pieces, so that a volume of a thousand slices does not hold up the window.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from RegQCLib.geometry.grid import PLANE_NAMES
from RegQCLib.qc.alignment_report import SliceScore
from RegQCUI.drawing import flagIcon
from RegQCUI.slice_strip import describeSlice, percentText, positionText

Row = tuple[str, SliceScore]

PIECE = 120
"""Rows that are filled at a time."""

ICON_PIXELS, ROW_PIXELS = 12, 22


def _planeKey(row: Row) -> float:
    return 1e6 * PLANE_NAMES.index(row[0]) + row[1].index


def _number(value: float | None) -> float:
    return math.inf if value is None else value


KEYS: tuple[Callable[[Row], float], ...] = (
    _planeKey,
    lambda row: row[1].index,
    lambda row: row[1].position_mm,
    lambda row: _number(row[1].probability_misaligned),
    lambda row: _number(row[1].error_mm),
)


class SliceList:
    """Fills a QTableWidget. onChosen(axis, index): called when a user picks a row."""

    def __init__(self, table: Any, onChosen: Callable[[str, int], Any]) -> None:
        self.table = table
        self._onChosen = onChosen
        self._rows: list[Row] = []
        self._column, self._descending, self._flaggedFirst = 0, False, False
        self._filled = 0
        self._quiet = False
        self._flag = flagIcon(table, ICON_PIXELS)
        names = [_("Plane"), _("Slice"), _("Position"), _("Misaligned"), _("Error")]
        table.setColumnCount(len(names))
        table.setHorizontalHeaderLabels(names)
        tips = (
            _("Plane of the slice"),
            _("Number of the slice, from 0"),
            _("Place of its middle in mm, and toward which side"),
            _("Probability that its mean error is above the tolerance"),
            _("Estimated mean error"),
        )
        for column, tip in enumerate(tips):
            table.horizontalHeaderItem(column).setToolTip(tip)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(ROW_PIXELS)
        header = table.horizontalHeader()
        header.setSectionResizeMode(qt.QHeaderView.Stretch)
        header.setHighlightSections(False)  # bold names would not fit
        header.setSortIndicatorShown(True)
        header.setSortIndicator(0, qt.Qt.AscendingOrder)
        header.connect("sectionClicked(int)", self._onHeader)
        table.connect("cellClicked(int,int)", self._onCell)
        table.connect("currentCellChanged(int,int,int,int)", self._onCurrent)
        self._timer = qt.QTimer()
        self._timer.setInterval(0)
        self._timer.connect("timeout()", self._fillPiece)

    @property
    def rows(self) -> list[Row]:
        """The slices in the order shown."""
        return list(self._rows)

    def show(self, rows: list[Row]) -> None:
        """Show these slices, in the order chosen before."""
        self._rows = rows
        self._arrange()

    def setFlaggedFirst(self, first: bool) -> None:
        """List flagged slices above the others, whatever the order."""
        self._flaggedFirst = bool(first)
        self._arrange()

    def choose(self, axis: str, index: int) -> None:
        """Select a slice's row, if it is listed, without telling `onChosen`."""
        places = [
            n for n, (name, one) in enumerate(self._rows) if (name, one.index) == (axis, index)
        ]
        self._quiet = True
        if places:
            while self._filled <= places[0]:
                self._fillPiece()
            self.table.setCurrentCell(places[0], 0)
        else:
            self.table.clearSelection()
        self._quiet = False

    def cleanup(self) -> None:
        """Stop filling and let go of the table."""
        self._timer.stop()
        self._timer.disconnect("timeout()", self._fillPiece)
        self.table.horizontalHeader().disconnect("sectionClicked(int)", self._onHeader)
        self.table.disconnect("cellClicked(int,int)", self._onCell)
        self.table.disconnect("currentCellChanged(int,int,int,int)", self._onCurrent)

    def _arrange(self) -> None:
        key = KEYS[self._column]
        known = [row for row in self._rows if math.isfinite(key(row))]
        unknown = [row for row in self._rows if not math.isfinite(key(row))]
        known.sort(key=key, reverse=self._descending)
        self._rows = known + unknown
        if self._flaggedFirst:
            self._rows.sort(key=lambda row: not row[1].flagged)
        self._quiet = True
        self.table.clearContents()
        self.table.setRowCount(len(self._rows))
        self._quiet = False
        self._filled = 0
        self._fillPiece()
        if self._rows:
            self.table.scrollToTop()

    def _fillPiece(self) -> None:
        end = min(self._filled + PIECE, len(self._rows))
        for place in range(self._filled, end):
            self._fillRow(place, *self._rows[place])
        self._filled = end
        if end < len(self._rows):
            self._timer.start()
        else:
            self._timer.stop()

    def _fillRow(self, place: int, axis: str, one: SliceScore) -> None:
        probability, error = one.probability_misaligned, one.error_mm
        texts = (
            axis,
            str(one.index),
            positionText(axis, one.position_mm),
            "-" if probability is None else percentText(probability),
            "-" if error is None else f"{error:.1f} mm",
        )
        for column, text in enumerate(texts):
            item = qt.QTableWidgetItem(text)
            item.setFlags(qt.Qt.ItemIsSelectable | qt.Qt.ItemIsEnabled)
            if column:
                item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
            elif one.flagged:
                item.setIcon(self._flag)
            item.setData(qt.Qt.AccessibleTextRole, describeSlice(axis, one) if not column else text)
            self.table.setItem(place, column, item)

    def _onHeader(self, column: int) -> None:
        # probabilities and errors start with the worst, the others with the first
        same = column == self._column
        self._descending = not self._descending if same else column in (3, 4)
        self._column = column
        order = qt.Qt.DescendingOrder if self._descending else qt.Qt.AscendingOrder
        self.table.horizontalHeader().setSortIndicator(column, order)
        self._arrange()

    def _onCell(self, row: int, _column: int) -> None:
        self._pick(row)

    def _onCurrent(self, row: int, _column: int, before: int, _beforeColumn: int) -> None:
        if row != before:
            self._pick(row)

    def _pick(self, row: int) -> None:
        if not self._quiet and 0 <= row < len(self._rows):
            axis, one = self._rows[row]
            self._onChosen(axis, one.index)
