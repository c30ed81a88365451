"""Record: accept or reject slices and the case, sign, and write it all to files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer
from slicer.i18n import tr as _

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import PLANE_NAMES
from RegQCLib.report.decisions import CaseDecision, Decisions, time_text
from RegQCScene import decisions as book
from RegQCScene.slice_views import jumpToResult
from RegQCScene.visible_slices import shownSliceNodes, visibleVoxel
from RegQCUI.decision_list import DecisionList
from RegQCUI.links import Links
from RegQCUI.notices import Notices
from RegQCUI.paths import uiPath
from RegQCUI.record_files import RecordFiles
from RegQCUI.shortcuts import Shortcuts
from RegQCUI.tables import fitHeight

REVIEWER_SETTING = "RegQC/Reviewer"


class RecordPanel:
    """Decisions live in the scene (`RegQCScene.decisions`); this panel shows and changes them."""

    title = _("Record")

    def __init__(self, session: Any, parent: Any = None) -> None:  # noqa: ARG002
        self.session = session
        self.widget = slicer.util.loadUI(uiPath("Record"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        layout = self.widget.layout()
        self.notices = Notices(layout)
        # below the buttons that sign, above the files
        layout.insertWidget(layout.indexOf(self.ui.filesGroup), self.notices.widget)
        self.list = DecisionList(self.ui.decisionTable, self._showSlice)
        self.files = RecordFiles(session, self.ui, self._tell)
        self._shortcuts = Shortcuts()
        self._pair: tuple[Any, Any] = (None, None)
        self._case: CaseDecision | None = None
        self._fillChoices()
        ui = self.ui
        self._buttons = (
            (ui.acceptSlicesButton, self.acceptSlices),
            (ui.rejectSlicesButton, self.rejectSlices),
            (ui.clearSlicesButton, self.clearSlices),
            (ui.shownButton, self.selectShown),
            (ui.acceptCaseButton, self.acceptCase),
            (ui.rejectCaseButton, self.rejectCase),
            (ui.withdrawButton, self.withdraw),
        )
        links = self._links = Links()
        for button, receiver in self._buttons:
            links.connect(button, "clicked(bool)", receiver)
        links.connect(ui.filterSelector, "currentIndexChanged(int)", self._onFilter)
        links.connect(ui.reviewerEdit, "editingFinished()", self._keepReviewer)
        links.listen(session.inputsChanged, self._onInputs)
        links.listen(session.resultChanged, self._onResult)
        links.listen(session.decisionsChanged, self._onDecisions)
        self._onResult()

    def enter(self) -> None:
        """Take the keys, and propose the name that signed last."""
        parameters = self.session.parameters
        if not parameters.reviewer:
            parameters.reviewer = str(slicer.app.userSettings().value(REVIEWER_SETTING) or "")
        self._shortcuts.take(
            {
                "Ctrl+Shift+A": self.acceptSlices,
                "Ctrl+Shift+R": self.rejectSlices,
                "Ctrl+Shift+U": self.clearSlices,
            }
        )
        self.refresh()

    def exit(self) -> None:
        """Give the keys back."""
        self._shortcuts.release()

    def cleanup(self) -> None:
        """Let go of session and widgets."""
        self.exit()
        self._links.disconnect()
        self.list.cleanup()
        self.files.cleanup()

    # What a user does

    def acceptSlices(self, _checked: bool = False) -> None:
        """Accept the selected slices."""
        self._decide("accepted")

    def rejectSlices(self, _checked: bool = False) -> None:
        """Reject the selected slices."""
        self._decide("rejected")

    def clearSlices(self, _checked: bool = False) -> None:
        """Take back the decisions on the selected slices."""
        self._try(lambda: book.takeBack(self.session, self._selected()))

    def selectShown(self, _checked: bool = False) -> None:
        """Select the slices that the views show."""
        grid = None if self.session.result is None else self.session.result.grid
        voxel = None if grid is None else visibleVoxel(grid, shownSliceNodes())
        if grid is None or voxel is None:
            self._tell(_("The views show no slice of the fixed volume."), "info")
            return
        self.ui.filterSelector.setCurrentIndex(self.ui.filterSelector.findData("all"))
        self.list.select([(plane, voxel[grid.array_axis(plane)]) for plane in PLANE_NAMES])

    def acceptCase(self, _checked: bool = False) -> None:
        """Accept the registration and sign."""
        self._sign("accepted")

    def rejectCase(self, _checked: bool = False) -> None:
        """Reject the registration and sign."""
        self._sign("rejected")

    def withdraw(self, _checked: bool = False) -> None:
        """Take back the decision on the case."""
        self._try(lambda: book.withdraw(self.session))

    def _decide(self, decision: str) -> None:
        reason, comment = self.ui.sliceReason.currentText, self.ui.sliceComment.text
        self._try(lambda: book.decide(self.session, self._selected(), decision, reason, comment))

    def _sign(self, decision: str) -> None:
        self._keepReviewer()
        reason, comment = self.ui.caseReason.currentText, self.ui.caseComment.plainText
        self._try(lambda: book.sign(self.session, decision, reason, comment))

    def _selected(self) -> list[tuple[str, int]]:
        selected = self.list.selected()
        if not selected:
            raise InputError(_("Select a slice in the table first."))
        return selected

    def _keepReviewer(self) -> None:
        name = self.ui.reviewerEdit.text.strip()
        self.session.parameters.reviewer = name
        if name:
            slicer.app.userSettings().setValue(REVIEWER_SETTING, name)

    def _try(self, action: Callable[[], Any]) -> None:
        try:
            action()
        except InputError as error:
            self._tell(str(error), "error")
        else:
            self.notices.show([])

    def _tell(self, text: str, level: str) -> None:
        self.notices.show([(level, text)])

    # What is shown

    def refresh(self) -> None:
        """Show the state of the scene again."""
        result, decisions = self.session.result, self._decisions()
        wanted = self.ui.filterSelector.itemData(self.ui.filterSelector.currentIndex)
        rows, decided = [] if result is None else result.slices(), decisions.by_place
        if wanted == "flagged":
            rows = [(p, s) for p, s in rows if s.flagged or (p, s.index) in decided]
        elif wanted == "decided":
            rows = [(p, s) for p, s in rows if (p, s.index) in decided]
        self.list.show(rows, decisions.by_place)
        fitHeight(self.ui.decisionTable)
        self._showCase(decisions)

    def _onResult(self) -> None:
        book.rememberChecked(self.session)
        self.refresh()

    def _onInputs(self) -> None:
        """Words on one pair must never end up in the report on another."""
        parameters = self.session.parameters
        pair = (parameters.fixedVolume, parameters.movingVolume)
        if pair != self._pair:
            self._pair, self._case = pair, None
            for box in (self.ui.sliceReason, self.ui.caseReason):
                box.setCurrentIndex(0)
                box.setEditText("")
            self.ui.sliceComment.clear()
            self.ui.caseComment.setPlainText("")
        self.refresh()

    def _onDecisions(self) -> None:
        decisions = self._decisions()
        self.list.update(decisions.by_place)
        self._showCase(decisions)

    def _showCase(self, decisions: Decisions) -> None:
        ui, checked = self.ui, self.session.result is not None
        for button, _receiver in self._buttons:
            button.enabled = checked
        ui.withdrawButton.enabled = decisions.case is not None
        text = _("Check the pair first; decisions are made on the result of a check.")
        if checked:
            report = self.session.result.report
            text = caseText(decisions, decisions.signature(report))
        ui.signatureLabel.setText(text)
        if decisions.case is not None and decisions.case != self._case:
            ui.caseReason.setEditText(decisions.case.reason)
            ui.caseComment.setPlainText(decisions.case.comment)
        self._case = decisions.case
        self.files.update()

    def _decisions(self) -> Decisions:
        try:
            return book.decisionsOf(self.session.parameters)
        except InputError as error:
            self._tell(str(error), "error")
            return Decisions()

    def _onFilter(self, _index: int) -> None:
        self.refresh()

    def _showSlice(self, plane: str, index: int) -> None:
        jumpToResult(self.session.result, plane, index)

    def _fillChoices(self) -> None:
        self.ui.filterSelector.addItem(_("Flagged or decided"), "flagged")
        self.ui.filterSelector.addItem(_("Decided"), "decided")
        self.ui.filterSelector.addItem(_("All slices"), "all")
        why = ("", _("Shift"), _("Rotation"), _("Scaling"), _("Wrong deformation"),
               _("Slice moved alone"), _("Artifact"), _("Not in the field of view"),
               _("Within tolerance"), _("False alarm"), _("Not relevant here"))  # fmt: skip
        for box in (self.ui.sliceReason, self.ui.caseReason):
            box.addItems(list(why))


def caseText(decisions: Decisions, signature: str) -> str:
    """Return what was decided about the case, by whom and when."""
    case = decisions.case
    if case is None:
        return _("The case is undecided.")
    decided = {"accepted": _("Accepted"), "rejected": _("Rejected")}[case.decision]
    who = _("{decided} by {who}, {when}.").format(
        decided=decided, who=case.reviewer, when=time_text(case.time)
    )
    state = {
        "valid": _("Signed; seal {seal}.").format(seal=case.seal[:12]),
        "changed": _("Changed since it was signed: sign again."),
        "unsigned": _("Not signed."),
    }
    return f"{who} {state[signature]}"
