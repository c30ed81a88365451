"""Worklist: a table of cases, previous and next; what is known of each is kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer
from slicer.i18n import tr as _

from RegQCLib.errors import InputError
from RegQCLib.report.decisions import SIGNATURES
from RegQCUI.dependencies import ensureRequirements
from RegQCUI.links import Links
from RegQCUI.notices import Notices
from RegQCUI.paths import uiPath
from RegQCUI.shortcuts import Shortcuts
from RegQCUI.tables import fitColumns, fitHeight, setCell, setUpTable

MOST_PROBLEMS = 5


class WorklistPanel:
    """Opens a list and its cases, see `RegQCScene.worklist`."""

    title = _("Worklist")

    def __init__(self, session: Any, parent: Any = None) -> None:  # noqa: ARG002
        self.session = session
        self.worklist: Any = None
        self.widget = slicer.util.loadUI(uiPath("Worklist"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self.notices = Notices(self.widget.layout())
        self._shortcuts = Shortcuts()
        self._ours = False
        names = (_("Case"), _("Verdict"), _("Error"), _("Flagged"), _("Decision"), _("Reviewer"))
        ui, links = self.ui, Links()
        setUpTable(ui.caseTable, names)
        self._links = links
        links.connect(ui.openButton, "clicked(bool)", self.openList)
        links.connect(ui.previousButton, "clicked(bool)", self.openPrevious)
        links.connect(ui.nextButton, "clicked(bool)", self.openNext)
        links.connect(ui.saveButton, "clicked(bool)", self.saveCase)
        links.connect(ui.closeButton, "clicked(bool)", self.closeCase)
        links.connect(ui.undecidedCheckBox, "toggled(bool)", self._onSkip)
        links.connect(ui.caseTable, "cellDoubleClicked(int,int)", self._onCell)
        links.listen(session.busyChanged, self._onBusy)
        links.listen(session.progressChanged, self._onProgress)
        links.listen(session.inputsChanged, self._onInputs)
        links.listen(session.resultChanged, self._onResult)
        self.refresh()

    def enter(self) -> None:
        """Take the keys."""
        self._shortcuts.take({"Ctrl+Shift+P": self.openPrevious, "Ctrl+Shift+N": self.openNext})
        self.refresh()

    def exit(self) -> None:
        """Give the keys back."""
        self._shortcuts.release()

    def cleanup(self) -> None:
        """Let go of session and widgets."""
        self.exit()
        self._setWorklist(None)
        self._links.disconnect()

    # What a user does

    def openList(self, _checked: bool = False) -> None:
        """Read the list; cases are opened by double-click or by the buttons."""
        source = self.ui.sourceEdit.currentPath.strip()
        output = self.ui.outputEdit.currentPath.strip()
        if not source or not output:
            self._tell([("error", _("Choose the list of cases and an output folder first."))])
            return
        try:
            ensureRequirements()
            from RegQCScene.worklist import Worklist

            worklist = Worklist(self.session, source, output)
        except (InputError, RuntimeError) as error:
            self._tell([("error", str(error))])
            return
        for edit in (self.ui.sourceEdit, self.ui.outputEdit):
            edit.addCurrentPathToHistory()
        self._setWorklist(worklist)
        problems = [("warning", text) for text in worklist.problems[:MOST_PROBLEMS]]
        more = len(worklist.problems) - len(problems)
        if more > 0:
            problems.append(("warning", _("{count} more rows were left out.").format(count=more)))
        self._tell(problems)

    def openPrevious(self, _checked: bool = False) -> None:
        """Save this case and open the one before."""
        self._step(-1)

    def openNext(self, _checked: bool = False) -> None:
        """Save this case and open the one after."""
        self._step(1)

    def saveCase(self, _checked: bool = False) -> None:
        """Write what is known of this case."""
        self._start(lambda worklist: worklist.save())

    def closeCase(self, _checked: bool = False) -> None:
        """Save this case and take it out of the scene."""
        self._start(lambda worklist: worklist.close())

    def _step(self, step: int) -> None:
        number = self._neighbor(step)
        if number is not None:
            self._start(lambda worklist: worklist.open(number))

    def _neighbor(self, step: int) -> int | None:
        if self.worklist is None:
            return None
        skip = self.ui.undecidedCheckBox.checked
        number: int | None = self.worklist.neighbor(step, undecidedOnly=skip)
        return number

    def _start(self, action: Callable[[Any], Any]) -> None:
        if self.worklist is not None and not self.session.busy:
            self._tell([])
            self._ours = True
            action(self.worklist)

    def _onCell(self, row: int, _column: int) -> None:
        self._start(lambda worklist: worklist.open(row))

    def _onSkip(self, _on: bool) -> None:
        self._showButtons()

    # What is shown

    def refresh(self) -> None:
        """Fill the table from what is on disk."""
        worklist, table = self.worklist, self.ui.caseTable
        rows = [] if worklist is None else worklist.rows()
        table.setRowCount(len(rows))
        for number, row in enumerate(rows):
            for column, text in enumerate(caseTexts(row)):
                setCell(table, number, column, text)
            font = table.item(number, 0).font()
            font.setBold(number == worklist.current)
            table.item(number, 0).setFont(font)
        if worklist is not None and worklist.current is not None:
            table.setCurrentCell(worklist.current, 0)
        fitColumns(table)
        fitHeight(table)
        self._showState(rows)

    def _showState(self, rows: list[dict[str, Any]]) -> None:
        text = _("No list is open.")
        if self.worklist is not None:
            decided = sum(bool(row["decision"]) for row in rows)
            text = _("{decided} of {count} cases are decided.").format(
                decided=decided, count=len(rows)
            )
            case = self.worklist.case
            if case is not None:
                text += " " + _("Open: {case}.").format(case=case.id)
        self.ui.statusLabel.setText(text)
        self._showButtons()

    def _showButtons(self) -> None:
        ui, idle = self.ui, not self.session.busy
        opened = self.worklist is not None and self.worklist.current is not None
        ui.openButton.enabled = idle
        ui.saveButton.enabled = ui.closeButton.enabled = idle and opened
        ui.previousButton.enabled = idle and self._neighbor(-1) is not None
        ui.nextButton.enabled = idle and self._neighbor(1) is not None

    def _setWorklist(self, worklist: Any) -> None:
        if self.worklist is not None:
            self.worklist.changed.disconnect(self.refresh)
            self.worklist.cleanup()
        self.worklist = worklist
        if worklist is not None:
            worklist.changed.connect(self.refresh)
        self.refresh()

    def _tell(self, notices: list[tuple[str, str]]) -> None:
        self.notices.show(notices)

    # What the session tells

    def _onBusy(self, what: str) -> None:
        self._ours = self._ours and bool(what)
        self._showButtons()

    def _onProgress(self, stage: str, _fraction: float) -> None:
        """Say what is read: a large image takes Slicer seconds."""
        if self._ours:
            self.ui.statusLabel.setText(f"{self.session.busy}: {stage}")

    def _onInputs(self) -> None:
        """The scene was closed, or a user took the case's nodes away: no case is open then."""
        if self.worklist is not None and not self.session.busy:
            self.worklist.noticeRemoval()

    def _onResult(self) -> None:
        """Keep a new result at once: it took the longest."""
        if self.session.result is not None and not self.session.busy:
            self._start(lambda worklist: worklist.save())


def caseTexts(row: dict[str, Any]) -> tuple[str, ...]:
    """Return the cells of one case."""
    error, flagged = row["error_mean_mm"], row["slices_flagged"]
    reviewer = row["reviewer"] or ""
    if row["signature"] == SIGNATURES["changed"]:
        reviewer = _("{reviewer} (sign again)").format(reviewer=reviewer)
    return (
        row["id"],
        row["verdict"] or _("not checked"),
        "" if error is None else f"{error:.1f} mm",
        "" if flagged is None else str(flagged),
        row["decision"] or "",
        reviewer,
    )
