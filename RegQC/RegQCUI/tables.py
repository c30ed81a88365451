"""Tables that only show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import qt

ROW_PIXELS = 22
MOST_ROWS, FEWEST_ROWS = 8, 2
"""Rows that are seen without scrolling."""


def setUpTable(table: Any, names: Sequence[str]) -> None:
    """Give a QTableWidget its columns; the last one takes what the others leave."""
    table.setColumnCount(len(names))
    table.setHorizontalHeaderLabels(list(names))
    table.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(ROW_PIXELS)
    header = table.horizontalHeader()
    header.setHighlightSections(False)  # bold names would not fit
    header.setStretchLastSection(True)


def setCell(table: Any, row: int, column: int, text: str) -> None:
    """Show a text in a cell; the same text again costs nothing."""
    item = table.item(row, column)
    if item is None:
        table.setItem(row, column, qt.QTableWidgetItem(text))
    elif item.text() != text:
        item.setText(text)


def fitColumns(table: Any) -> None:
    """Make the columns as wide as their texts; the last one takes the rest."""
    # that one must not be sized: it would stay so
    for column in range(table.columnCount - 1):
        table.resizeColumnToContents(column)


def fitHeight(table: Any) -> None:
    """Make room for the rows, as far as they are few."""
    rows = min(max(table.rowCount, FEWEST_ROWS), MOST_ROWS)
    row = table.verticalHeader().defaultSectionSize
    table.setFixedHeight(table.horizontalHeader().height + row * rows + 2 * table.frameWidth)
