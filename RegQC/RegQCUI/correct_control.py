"""What the parts of the Correct panel share: the working transform, its steps, and live scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import qt
from slicer.i18n import tr as _

from RegQCLib.errors import InputError, RegQCError
from RegQCScene.check_comparison import comparison
from RegQCScene.check_result import CheckResult
from RegQCScene.corrected_volume import chooseOriginals, correctedRoles, sameImage
from RegQCScene.correction_of_total import CorrectionJob
from RegQCScene.drag_watch import DragWatch
from RegQCScene.pair_export import Pair
from RegQCScene.preview import (
    dropPreview,
    isPreviewShown,
    keepPreview,
    setPreviewShown,
    showPreview,
)
from RegQCScene.signal import Signal
from RegQCScene.volume_exchange import gridFromNode
from RegQCScene.working_transform import (
    WorkingState,
    correct,
    startWorking,
    workingTransformOf,
)
from RegQCUI.correct_live import LiveScores, Past

SETTLE_MS = 400
"""Without a change for so long, a drag counts as ended."""


class CorrectControl:
    """Corrects the session's pair.

    changed(): another pair, preview or step. compared: a line that tells a check before and after
    the last correction, or "".
    """

    def __init__(self, session: Any) -> None:
        self.session = session
        self.changed = Signal()
        self.watch = DragWatch(session.history)
        self.live = LiveScores()
        self.compared = ""
        self._settle = qt.QTimer()
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.connect("timeout()", self._onQuiet)
        self._restoring = False
        self._stepState: Any = None
        self._stepPast: Past | None = None
        self._pair: tuple[Any, Any] = (None, None)
        self._original: CheckResult | None = None
        self.watch.moved.connect(self._onMoved)
        session.inputsChanged.connect(self._onInputs)
        session.historyChanged.connect(self._onHistory)
        self._onInputs()

    def cleanup(self) -> None:
        """Let go of everything; corrections stay in the scene."""
        self.settle()
        self.live.cleanup()
        self.watch.moved.disconnect(self._onMoved)
        self.watch.close()
        self._settle.stop()
        self._settle.disconnect("timeout()", self._onQuiet)
        self.session.inputsChanged.disconnect(self._onInputs)
        self.session.historyChanged.disconnect(self._onHistory)

    @property
    def parameters(self) -> Any:
        """The session's."""
        return self.session.parameters

    @property
    def working(self) -> Any:
        """The working transform of the chosen pair, or None while nothing was corrected."""
        moving = self.parameters.movingVolume
        return None if moving is None else workingTransformOf(moving)

    @property
    def whyNot(self) -> str:
        """Why nothing can be corrected, or "": no pair is chosen, or its grid is of no use."""
        fixed, moving = self.parameters.fixedVolume, self.parameters.movingVolume
        if fixed is None or moving is None or fixed is moving:
            return _("Choose a fixed and a moving volume under Inputs.")
        try:
            gridFromNode(fixed)
        except InputError as error:
            return str(error)
        return ""

    @property
    def canCorrect(self) -> bool:
        """Whether a pair is chosen that can be corrected."""
        return not self.whyNot

    @property
    def canRestore(self) -> bool:
        """Whether there is a correction that could be taken back to the original."""
        return self.working is not None or bool(correctedRoles(self.parameters))

    def pair(self) -> Pair:
        """What a registration starts from: all that lies above the moving volume now."""
        parameters = self.parameters
        return Pair(
            parameters.fixedVolume,
            parameters.movingVolume,
            parameters.transform,
            parameters.mask,
            parameters.maskSegment,
        )

    def begin(self, *, live: bool = True) -> Any:
        """Return the working transform, made where there is none; None, and a message, on failure.

        live: whether to score the visible slices from now on.
        """
        self.settle()
        parameters = self.parameters
        try:
            gridFromNode(parameters.fixedVolume)
            working = startWorking(parameters)
        except RegQCError as error:
            self.session.message.emit(str(error), "error")
            return None
        if self.watch.node not in (None, working):
            self.session.history.clear()  # its steps are of another transform
        self.watch.watch(working)
        if live:
            self.scoreLive()
        return working

    def scoreLive(self) -> None:
        """Score the visible slices from now on, where there is a working transform."""
        parameters, working = self.parameters, self.working
        if working is not None and self.canCorrect:
            fixed, moving = parameters.fixedVolume, parameters.movingVolume
            self.live.start(fixed, moving, working, parameters.toleranceMm)

    def settle(self) -> None:
        """End a drag that goes on: it becomes a step."""
        self._settle.stop()
        self.watch.settle()
        self.live.settled()

    def undo(self, _checked: bool = False) -> None:
        """Take the last step back."""
        self.settle()
        self._step(self.session.history.undo)

    def redo(self, _checked: bool = False) -> None:
        """Take the step that was undone again."""
        self.settle()
        self._step(self.session.history.redo)

    def restoreOriginal(self, _checked: bool = False) -> None:
        """Take all corrections back, as one step; the user's own transform is what is left."""
        self.settle()
        dropPreview(self.parameters)
        chooseOriginals(self.parameters, self.session.history)
        working = self.working
        if working is not None:
            text = _("Restore the original")
            correct(working, WorkingState(np.eye(4)), text, self.session.history)
        self._restructured()

    def preview(self, correction: Any, what: str) -> None:
        """Show another correction before it is kept; see `preview.showPreview`."""
        self.settle()
        try:
            showPreview(self.parameters, correction, what)
        except RegQCError as error:
            self.session.message.emit(str(error), "error")
        self._restructured()

    def previewTotal(self, total: Any, what: str, onShown: Callable[[], Any]) -> None:
        """Show a whole transform from fixed points to the moving volume's own as a preview."""
        parameters, working = self.parameters, self.begin()
        if working is None:
            return
        fixed, moving = parameters.fixedVolume, parameters.movingVolume
        job = CorrectionJob(total, working, fixed, moving)

        def done(_folder: Any) -> None:
            self.preview(job.correction, what)
            onShown()

        self.session.run(_("Preparing the preview"), job, done, uses=job.nodes)

    @property
    def previewed(self) -> str:
        """What is previewed, or ""."""
        node = self.parameters.previewTransform
        return "" if node is None else str(node.GetDescription())

    @property
    def previewShown(self) -> bool:
        """Whether the moving volume is seen under the preview."""
        return bool(isPreviewShown(self.parameters))

    def showPreviewed(self, shown: bool) -> None:
        """Show the moving volume under the preview, or as it was before."""
        setPreviewShown(self.parameters, shown)
        self._restructured()

    def keep(self) -> None:
        """Make the preview the correction, and measure again."""
        keepPreview(self.parameters, self.session.history)
        self._restructured()
        self.recheckIfWanted()

    def drop(self) -> None:
        """Remove the preview."""
        if self.previewed:
            dropPreview(self.parameters)
            self._restructured()

    def recheckIfWanted(self) -> None:
        """Check again after a correction, where the user wants that."""
        if self.parameters.checkCorrections:
            self.recheck()

    def recheck(self, _checked: bool = False) -> None:
        """Check the pair again and tell both results."""
        self.settle()
        before = self.session.result or self._original

        def told(after: CheckResult | None) -> None:
            if after is not None:
                self.compared = comparison(before, after)
                self.changed.emit()

        self.session.check(told)

    def _step(self, take: Callable[[], Any]) -> None:
        self._restoring = True
        try:
            take()
        finally:
            self._restoring = False
        self._restructured()

    def _restructured(self) -> None:
        """Tell everyone that there are other nodes above the volume, or may be.

        While something is previewed, and when it is kept, "before" is what was before the preview.
        """
        self.watch.watch(self.working)
        self.live.refresh()
        self.live.hold(bool(self.previewed))
        self.live.settled()
        self.changed.emit()

    def _onMoved(self) -> None:
        self.live.moved()
        if not self._restoring:
            self._settle.start()

    def _onQuiet(self) -> None:
        if qt.QApplication.mouseButtons() == qt.Qt.NoButton:
            self.settle()
        else:  # the hand rests in the middle of a drag
            self._settle.start()

    def _onHistory(self) -> None:
        last = self.session.history.last
        state = None if last is None else last.before
        if state is not None and state is self._stepState:
            self.live.past = self._stepPast  # one more of a series, which is one step
        else:
            self._stepState, self._stepPast = state, self.live.past
        self.live.settled()
        self.compared = ""  # it told of a step before
        self.changed.emit()

    def _onInputs(self) -> None:
        pair = (self.parameters.fixedVolume, self.parameters.movingVolume)
        if pair != self._pair:
            if all(map(sameImage, pair, self._pair)):
                self._original = self.session.result or self._original
            else:
                self._original = None
                self.session.history.clear()  # its steps are of other volumes
            self._pair = pair
            self.compared = ""
            self.live.stop()
            self.watch.watch(self.working)
        self.changed.emit()
