"""The table of slices with what was decided about each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import qt
from slicer.i18n import tr as _

from RegQCLib.qc.alignment_report import SliceScore
from RegQCLib.report.decisions import SliceDecision
from RegQCLib.report.plane_view import position_text
from RegQCUI.tables import fitColumns, setCell, setUpTable

Row = tuple[str, SliceScore]
Place = tuple[str, int]
DECIDED_COLUMNS = 2
"""The last columns: decision, and the words to it."""


class DecisionList:
    """Fills a QTableWidget. onChosen(plane, index): called when a user comes to another row."""

    def __init__(self, table: Any, onChosen: Callable[[str, int], Any]) -> None:
        self.table = table
        self._onChosen = onChosen
        self._rows: list[Row] = []
        self._quiet = False
        self.words = {"accepted": _("accepted"), "rejected": _("rejected")}
        names = (_("Slice"), _("Error"), _("Decision"), _("Why"))
        setUpTable(table, names)
        table.connect("currentCellChanged(int,int,int,int)", self._onCurrent)

    @property
    def places(self) -> list[Place]:
        """Planes and indices of the rows, in order."""
        return [(plane, one.index) for plane, one in self._rows]

    def show(self, rows: list[Row], decided: Mapping[Place, SliceDecision]) -> None:
        """Show these slices with their decisions."""
        self._quiet = True
        self._rows = list(rows)
        table = self.table
        table.clearContents()
        table.setRowCount(len(rows))
        for number, (plane, one) in enumerate(rows):
            error = "-" if one.error_mm is None else f"{one.error_mm:.1f} mm"
            flag = " *" if one.flagged else ""
            for column, text in enumerate((f"{plane} {one.index}{flag}", error)):
                setCell(table, number, column, text)
            about = [position_text(plane, one.position_mm)]
            about += [_("flagged by the check")] if one.flagged else []
            table.item(number, 0).setToolTip(", ".join(about))
        self._quiet = False
        self.update(decided)

    def update(self, decided: Mapping[Place, SliceDecision]) -> None:
        """Show what has been decided since; rows and selection remain."""
        first = self.table.columnCount - DECIDED_COLUMNS
        for number, place in enumerate(self.places):
            one = decided.get(place)
            texts = ("", "")
            if one is not None:
                why = ": ".join(filter(None, (one.reason, one.comment)))
                texts = (self.words[one.decision], why)
            for column, text in enumerate(texts, start=first):
                setCell(self.table, number, column, text)
            self.table.item(number, first + 1).setToolTip(texts[1])  # it may be cut off
        fitColumns(self.table)

    def selected(self) -> list[Place]:
        """Return the places that are selected."""
        rows = self.table.selectionModel().selectedRows()
        return [self.places[one.row()] for one in rows]

    def select(self, places: list[Place]) -> None:
        """Select the rows of these places, where they are listed; the views stay."""
        self._quiet = True
        self.table.clearSelection()
        model, picks = self.table.model(), self.table.selectionModel()
        for number, place in enumerate(self.places):
            if place in places:
                last = model.index(number, self.table.columnCount - 1)
                row = qt.QItemSelection(model.index(number, 0), last)
                picks.select(row, qt.QItemSelectionModel.Select)
        self._quiet = False

    def cleanup(self) -> None:
        """Let go of the table."""
        self.table.disconnect("currentCellChanged(int,int,int,int)", self._onCurrent)

    def _onCurrent(self, row: int, _column: int, before: int, _beforeColumn: int) -> None:
        if not self._quiet and row != before and 0 <= row < len(self._rows):
            self._onChosen(*self.places[row])
