"""Tables that only show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import qt

MOST_ROWS, FEWEST_ROWS = 8, 2
"""Rows that are seen without scrolling."""


def setUpTable(table: Any, names: Sequence[str]) -> None:
    """Give a QTableWidget its columns; the last one takes what the others leave."""
    table.setColumnCount(len(names))
    table.setHorizontalHeaderLabels(list(names))
    table.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
    table.verticalHeader().hide()
    header = table.horizontalHeader()
    header.setHighlightSections(False)  # bold names would not fit
    header.setSectionResizeMode(len(names) - 1, qt.QHeaderView.Stretch)


def setCell(table: Any, row: int, column: int, text: str) -> None:
    """Show a text in a cell; the same text again costs nothing."""
    item = table.item(row, column)
    if item is None:
        table.setItem(row, column, qt.QTableWidgetItem(text))
    elif item.text() != text:
        item.setText(text)


def fitHeight(table: Any) -> None:
    """Make room for the rows, as far as they are few."""
    rows = min(max(table.rowCount, FEWEST_ROWS), MOST_ROWS)
    row = table.verticalHeader().defaultSectionSize
    table.setMinimumHeight(table.horizontalHeader().height + row * rows)
