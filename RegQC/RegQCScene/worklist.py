"""A worklist: one case of many is open at a time, and what is known of each is on disk."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from RegQCLib.batch.case_folder import CaseFolder, input_key_steps, save_summary
from RegQCLib.batch.manifest import Case, read_manifest
from RegQCLib.errors import InputError
from RegQCScene.case_nodes import CaseNodes
from RegQCScene.case_state import KEPT, restoreCaseSteps, saveCaseSteps
from RegQCScene.decisions import decisionsOf
from RegQCScene.job import Event
from RegQCScene.signal import Signal
from RegQCScene.step_generators import told
from RegQCScene.stepped_job import SteppedJob, Steps


class Worklist:
    """Cases, the one that is open, and its way to and from the disk.

    session: shows the open case. source: see `RegQCLib.batch.manifest.read_manifest`. output: a
    folder, with a folder for each case and ``summary.csv``; made when it is first needed.
    changed(): another case is open, or there is something new to show about one.
    Raises InputError for a list without cases.
    """

    def __init__(self, session: Any, source: str | Path, output: str | Path) -> None:
        self.changed = Signal()
        manifest = read_manifest(source)
        self.cases, self.problems = manifest.cases, manifest.problems
        self.current: int | None = None
        self._session, self.output = session, Path(output).expanduser().absolute()
        self._nodes: CaseNodes | None = None
        self._key: dict[str, Any] = {}
        self._restoring = False
        session.decisionsChanged.connect(self._onDecisions)

    def cleanup(self) -> None:
        """Let go of the session; nodes stay."""
        self._session.decisionsChanged.disconnect(self._onDecisions)
        self._setOpen(None, None)

    @property
    def case(self) -> Case | None:
        """The case that is open."""
        return None if self.current is None else self.cases[self.current]

    def folder(self, number: int) -> CaseFolder:
        """Return where a case is kept."""
        return CaseFolder(self.output, self.cases[number])

    def rows(self) -> list[dict[str, Any]]:
        """What is known of every case, see `RegQCLib.report.case_csv`; from small files alone."""
        return [self.folder(number).row() for number in range(len(self.cases))]

    def neighbor(self, step: int, *, undecidedOnly: bool = False) -> int | None:
        """Return the number of the case ``step`` (1 or -1) away, or None at the end."""
        number = (-1 if step > 0 else len(self.cases)) if self.current is None else self.current
        while 0 <= (number := number + step) < len(self.cases):
            if not undecidedOnly or not self.folder(number).row()["decision"]:
                return number
        return None

    def open(self, number: int, onEnd: Callable[[], Any] | None = None) -> None:
        """Save the open case, take it out of the scene, load another and what is known of it.

        onEnd: called when it is there, or has failed (a message says why).
        """
        case = self.cases[number]
        self._run(_("Opening {case}").format(case=case.id), self._openWork(number), onEnd)

    def save(self, onEnd: Callable[[], Any] | None = None) -> None:
        """Write what is known of the open case."""
        if self.current is not None:
            self._run(_("Saving the case"), self._saveWork, onEnd)

    def close(self, onEnd: Callable[[], Any] | None = None) -> None:
        """Save the open case and take it out of the scene."""
        if self.current is not None:
            self._run(_("Closing the case"), self._closeWork, onEnd)

    def noticeRemoval(self) -> None:
        """Let no case be open whose nodes were taken away, as closing the scene does."""
        if self._nodes is not None and not self._nodes.present:
            self._setOpen(None, None)
            self.changed.emit()

    def _run(
        self, what: str, work: Callable[[Path], Steps], onEnd: Callable[[], Any] | None
    ) -> None:
        def end() -> None:
            self.changed.emit()
            if onEnd is not None:
                onEnd()

        self._session.run(what, SteppedJob(work), lambda _folder: end(), onEnd=end)

    def _openWork(self, number: int) -> Callable[[Path], Steps]:
        def work(folder: Path) -> Steps:
            yield from self._closeWork(folder)
            case, place = self.cases[number], self.folder(number)
            key = yield from self._keySteps(case, 0.0, 0.2)
            nodes = CaseNodes(self._session.parameters, case)
            yield from nodes.loadSteps(folder, 0.2, 0.9)
            self._key = key
            self._setOpen(number, nodes)
            yield Event("progress", _("bringing back what is on disk"), 0.9)
            yield from self._restoreSteps(place)
            return {}

        return work

    def _setOpen(self, number: int | None, nodes: CaseNodes | None) -> None:
        """Note which case is open; reports on its pair are called so."""
        self.current, self._nodes = number, nodes
        self._session.case = "" if number is None else self.cases[number].id

    def _keySteps(
        self, case: Case, start: float, stop: float
    ) -> Generator[Event, None, dict[str, Any]]:
        steps = input_key_steps(case, self.output, self._options())
        text = _("comparing the files with what is known")
        return dict((yield from told(steps, text, start, stop)))

    def _restoreSteps(self, place: CaseFolder) -> Iterator[Event | None]:
        state = place.state()
        if state and state.get("key", {}).get("inputs") != self._key["inputs"]:
            aside = place.put_aside()
            raise InputError(
                _(
                    "{case}: its images are others than before; what was known is in {folder}"
                ).format(case=place.case.id, folder=aside)
            )
        self._restoring = True
        try:
            yield from restoreCaseSteps(self._session, place)
        finally:
            self._restoring = False
        if state and self._session.result is not None and not place.is_current(self._key):
            text = _("{case}: was checked with other settings or another RegQC; check it again")
            self._session.message.emit(text.format(case=place.case.id), "warning")

    def _saveWork(self, _folder: Path) -> Steps:
        if self.current is not None:
            yield Event("progress", _("saving the case"), 0.0)
            for _step in saveCaseSteps(self._session, self.folder(self.current), self._key):
                yield None
            save_summary(self.output, self.cases)
        return {}

    def _closeWork(self, folder: Path) -> Steps:
        yield from self._saveWork(folder)
        if self._nodes is not None:
            self._nodes.remove()
        self._setOpen(None, None)
        return {}

    def _options(self) -> dict[str, Any]:
        parameters = self._session.parameters
        return {
            "tolerance_mm": parameters.toleranceMm,
            "between_people": parameters.betweenPeople,
        }

    def _onDecisions(self) -> None:
        """Write decisions as they are made: nothing that a person did is lost."""
        if self.current is None or self._restoring:
            return
        place, result = self.folder(self.current), self._session.result
        known = {name: place.state().get(name) for name in KEPT}
        decisions = decisionsOf(self._session.parameters)
        try:
            place.save(self._key, None if result is None else result.report, decisions, known)
            save_summary(self.output, self.cases)
        except InputError as error:
            self._session.message.emit(str(error), "error")
        self.changed.emit()
