"""One person's work on one pair: what all panels share, and how they hear of each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from RegQCLib.errors import RegQCError
from RegQCScene.check_result import CheckResult
from RegQCScene.command_stack import CommandStack
from RegQCScene.runner import BlockingRunner, Runnable
from RegQCScene.signal import Signal

INPUTS = ("fixedVolume", "movingVolume", "transform", "mask", "maskSegment", "betweenPeople")
"""Parameters whose change makes another pair, or another question about it."""


class Session(VTKObservationMixin):
    """Inputs, result, history and the calculation that runs; panels listen to its signals.

    inputsChanged(): other nodes were chosen. resultChanged(): `result` is another, or None.
    historyChanged(): there is something else to undo or redo. decisionsChanged(): a slice or the
    case was accepted or rejected. busyChanged(text): what is being calculated, "" when nothing is.
    progressChanged(stage, fraction): how it goes. message(text, level): a line for the user; level
    is "info", "warning" or "error". case: what reports call the pair, set by the worklist that the
    pair is of; "" where it is of none.
    """

    def __init__(self, parameters: Any, runner: Any = None) -> None:
        """Work on ``parameters`` (`RegQCParameters`); runner: see `RegQCScene.runner`."""
        VTKObservationMixin.__init__(self)
        self.inputsChanged, self.resultChanged = Signal(), Signal()
        self.historyChanged, self.decisionsChanged = Signal(), Signal()
        self.busyChanged, self.progressChanged, self.message = Signal(), Signal(), Signal()
        self.runner = BlockingRunner() if runner is None else runner
        self.history = CommandStack()
        self.history.changed.connect(self.historyChanged.emit)
        self.busy = ""
        self.case = ""
        self._uses: list[Any] = []
        self._result: CheckResult | None = None
        self._inputs: tuple[Any, ...] = ()
        self.setParameters(parameters)

    @property
    def parameters(self) -> Any:
        """The scene's `RegQCParameters`."""
        return self._parameters

    @property
    def result(self) -> CheckResult | None:
        """What the last check of the chosen pair found; None when there was none."""
        return self._result

    def setParameters(self, parameters: Any) -> None:
        """Go on with the parameter node of another scene; results saved in it come back."""
        self.close()
        self._parameters = parameters
        scene = slicer.mrmlScene
        self.addObserver(parameters.parameterNode, vtk.vtkCommand.ModifiedEvent, self._onModified)
        self.addObserver(scene, scene.StartCloseEvent, self._onSceneClose)
        self.addObserver(scene, scene.NodeRemovedEvent, self._onNodeRemoved)
        self._inputs = self._currentInputs()
        self.inputsChanged.emit()
        self.refreshResult()

    def check(self, onDone: Callable[[CheckResult | None], Any] | None = None) -> None:
        """Check the chosen pair; its results become nodes and `result`.

        onDone: called with the result, or with None when there is none (failed or cancelled; a
        message says why).
        """
        from RegQCScene.check_job import CheckJob
        from RegQCScene.decisions import noteChecked
        from RegQCScene.placement import placement
        from RegQCScene.result_nodes import ROOT, storeResult

        end = onDone or (lambda _result: None)
        try:
            job = CheckJob.fromParameters(self.parameters)
            pair = job.pair  # something else may be chosen when the result is there
            place = placement(pair.fixedNode, pair.movingNode, pair.transformNode)
        except RegQCError as error:
            self.message.emit(str(error), "error")
            end(None)
            return

        def finished(_folder: Path) -> None:
            assert job.result is not None
            result = storeResult(pair.fixedNode, pair.movingNode, job.result, job.images)
            noteChecked(result.nodes[ROOT], result.text, place)
            self.refreshResult()
            self.message.emit(result.summary(), "info")
            end(result)

        self.run(_("Checking alignment"), job, finished, uses=job.nodes, onEnd=lambda: end(None))

    def run(
        self,
        what: str,
        job: Runnable,
        onDone: Callable[[Path], Any],
        *,
        uses: Iterable[Any] = (),
        onEnd: Callable[[], Any] | None = None,
    ) -> bool:
        """Run a job and say how it goes; returns whether it could start.

        what: for the user, such as "Registering". onDone(folder): called when it succeeded; the
        folder is removed afterwards. onEnd(): called when it did not. uses: nodes without which it
        makes no sense; it is cancelled when one is removed. One job runs at a time.
        """
        end = onEnd or (lambda: None)
        if self.busy:
            job.cancel()
            self.message.emit(_("Please wait: {what}").format(what=self.busy), "warning")
            end()
            return False
        self._uses = list(uses)
        self._setBusy(what)

        def done(folder: Path) -> None:
            self._setBusy("")
            try:
                onDone(folder)
            except RegQCError as error:
                self.message.emit(str(error), "error")
                end()
            finally:
                job.removeFolder()

        def failed(text: str) -> None:
            self._setBusy("")
            self.message.emit(text, "error")
            end()

        def cancelled() -> None:
            self._setBusy("")
            self.message.emit(_("Cancelled; nothing was changed"), "info")
            end()

        try:
            self.runner.start(
                job,
                onProgress=self.progressChanged.emit,
                onDone=done,
                onFailed=failed,
                onCancelled=cancelled,
            )
        finally:
            if not self.runner.busy:  # also when a defect ended it without a word
                self._setBusy("")
        return True

    def cancel(self) -> None:
        """Stop the calculation that runs, if any; the scene stays as it was before."""
        self.runner.cancel()

    def close(self) -> None:
        """Stop what runs and let go of the scene; `setParameters` opens the session again."""
        self.cancel()
        self.removeObservers()
        self.history.clear()
        self._inputs = ()
        self._setResult(None)

    def refreshResult(self) -> None:
        """Look again for a result of the chosen pair in the scene."""
        from RegQCScene.result_nodes import loadResult

        self._setResult(loadResult(self.parameters))

    def _setResult(self, result: CheckResult | None) -> None:
        if result is self._result:
            return
        self._result = result
        self.resultChanged.emit()

    def _setBusy(self, what: str) -> None:
        if what == self.busy:
            return
        self.busy = what
        self._uses = self._uses if what else []
        self.busyChanged.emit(what)

    def _currentInputs(self) -> tuple[Any, ...]:
        return tuple(getattr(self.parameters, name) for name in INPUTS)

    def _onModified(self, _caller: Any, _event: str) -> None:
        inputs = self._currentInputs()
        if inputs == self._inputs:
            return
        pair, self._inputs = self._inputs[:2], inputs
        self.inputsChanged.emit()
        if inputs[:2] != pair:
            self.refreshResult()

    def _onNodeRemoved(self, _caller: Any, _event: str) -> None:
        if any(node.GetScene() is None for node in self._uses):
            self.message.emit(_("A node that the calculation uses was removed"), "warning")
            self.cancel()

    def _onSceneClose(self, _caller: Any, _event: str) -> None:
        """Be silent until `setParameters`: meanwhile the parameter node is half empty."""
        self.close()
