"""Live scores in the panel: timers around `RegQCScene.live_probe`, and what was before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from RegQCLib.errors import RegQCError
from RegQCScene.live_probe import LiveProbe, LiveScore, Matrix
from RegQCScene.signal import Signal
from RegQCScene.visible_slices import shownSliceNodes, visibleVoxel

COALESCE_MS = 20
"""Changes within this time are one question; a drag brings dozens of them a second."""
POLL_MS = 10
PREPARE_MS = 40
"""Between steps of the preparation, which take some 30 ms each: the views stay alive."""


Index = tuple[int, int, int]
Scores = dict[str, LiveScore]


@dataclass(eq=False)
class Past:
    """Where the image lay before a correction, and what its slices scored there.

    pose: see `LiveProbe.pose`; None where it is not known. known: scores by plane of the slices
    through a fixed voxel (k, j, i).
    """

    pose: Matrix | None
    known: dict[Index, Scores] = field(default_factory=dict)


class LiveScores(VTKObservationMixin):
    """Scores of the slices that the views show, while the working transform moves.

    changed(): there is something new in scores, before or status. scores, before: by plane; before
    is what the same slices had before the correction that goes on, or the last one. past: of which
    that is told; it may be kept and set again. status: what to say instead of scores. updates:
    number of answers so far.
    """

    def __init__(self) -> None:
        VTKObservationMixin.__init__(self)
        self.changed = Signal()
        self.scores: Scores = {}
        self.past: Past | None = None
        self.status = ""
        self.updates = 0
        self._probe: LiveProbe | None = None
        self._key: tuple[Any, ...] = ()
        self._index: Index | None = None
        self._pose: Matrix | None = None
        self._asked: tuple[Past | None, Index, Matrix | None] | None = None
        self._stale = self._moving = self._held = False
        self._ask = _timer(COALESCE_MS, self._onAsk, single=True)
        self._poll = _timer(POLL_MS, self._onPoll)

    def start(self, fixed: Any, moving: Any, working: Any, toleranceMm: float) -> None:
        """Score this pair from now on; nothing happens when that is so already."""
        key = (fixed, moving, working, toleranceMm)
        if key == self._key:
            return
        self.stop()
        try:
            self._probe = LiveProbe(fixed, moving, working, toleranceMm)
        except RegQCError as error:
            self._say(str(error))
            return
        self._key, self._pose = key, self._probe.pose
        for node in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
            self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self._onView)
        self._say(_("Preparing live scores..."))
        self.request()
        self._poll.setInterval(PREPARE_MS)
        self._poll.start()

    def stop(self) -> None:
        """Score nothing any more; ends the child process."""
        self.removeObservers()
        self._ask.stop()
        self._poll.stop()
        probe, self._probe = self._probe, None
        self._key, self._index = (), None
        self._pose = self._asked = None
        self._held = False
        self.scores, self.past = {}, None
        self._stale = self._moving = False
        self.status = ""
        if probe is not None:
            probe.close()
        self.changed.emit()

    def cleanup(self) -> None:
        """Let go of the timers, too."""
        self.stop()
        self._ask.disconnect("timeout()", self._onAsk)
        self._poll.disconnect("timeout()", self._onPoll)

    @property
    def running(self) -> bool:
        """Whether a pair is scored, or prepared for it."""
        return self._probe is not None

    @property
    def before(self) -> Scores:
        """What the slices in view scored before; empty where that is not known (yet)."""
        if self.past is None or self._index is None:
            return {}
        return self.past.known.get(self._index, {})

    @property
    def beforeIsLost(self) -> bool:
        """Whether what was before cannot be told of the slices in view."""
        past, probe = self.past, self._probe
        if past is None or probe is None or not self.scores or self._index in past.known:
            return False
        return past.pose is None or not (probe.looksBack or probe.working)

    def request(self) -> None:
        """Ask for new scores soon."""
        if self._probe is not None:
            self._stale = True
            if not self._ask.isActive():
                self._ask.start()

    def moved(self) -> None:
        """Say that the volume moves: what is shown now is what was before."""
        if not self._moving and not self._held:
            self._moving = True
            known = {self._index: dict(self.scores)} if self._index and self.scores else {}
            self.past = Past(self._pose, known)
        self.request()

    def hold(self, on: bool) -> None:
        """Leave the past as it is while something is looked at, whatever moves."""
        self._held = on

    def settled(self) -> None:
        """Say that the movement has ended; the next one has its own before."""
        self._moving = False

    def refresh(self) -> None:
        """Take over a preview or a deformation that came or went above the volume."""
        if self._probe is not None:
            self.moved()
            self._probe.refresh()
            self._poll.start()

    def _onView(self, _caller: Any, _event: str) -> None:
        self.request()

    def _onAsk(self) -> None:
        probe = self._probe
        if probe is None or not self._stale or probe.busy:
            return  # the answer that is on its way asks again
        index = visibleVoxel(probe.fixed.grid, shownSliceNodes())
        if index is None:
            self._stale = False
            self._forget(None)
            self._say(_("The views show no slice of the fixed volume."))
        elif probe.ask(index):
            self._stale = False
            self._asked = (None, index, probe.pose)
            self._forget(index)
        self._poll.start()

    def _askBefore(self) -> bool:
        """Ask what the slices in view scored before, where that is not known; whether it was."""
        past, index, probe = self.past, self._index, self._probe
        if past is None or past.pose is None or index is None or index in past.known:
            return False
        if probe is None or not probe.ask(index, past.pose):
            return False
        self._asked = (past, index, past.pose)
        return True

    def _forget(self, index: Index | None) -> None:
        """Other slices have other scores."""
        if index != self._index:
            self._index = index
            self.scores = {}

    def _onPoll(self) -> None:
        probe = self._probe
        if probe is None:
            self._poll.stop()
            return
        waiting = not probe.ready
        scores = probe.poll()
        if probe.failure:
            reason = probe.failure
            self.stop()
            self._say(_("No live scores: {reason}").format(reason=reason))
            return
        if waiting and probe.ready:
            self._poll.setInterval(POLL_MS)
            self._say("")
        if scores is not None:
            self._take({score.plane: score for score in scores})
        if probe.ready and self._stale:
            self._onAsk()
        elif probe.ready and not probe.busy and not probe.working and not self._askBefore():
            self._poll.stop()

    def _take(self, scores: Scores) -> None:
        """Show the answer to the last question: of now, or of before."""
        assert self._asked is not None
        past, index, pose = self._asked
        if past is not None:
            past.known[index] = scores
        else:
            self.updates += 1
            self.status = ""
            self.scores, self._pose = scores, pose
        self.changed.emit()

    def _say(self, status: str) -> None:
        self.status = status
        self.changed.emit()


def _timer(milliseconds: int, receiver: Any, *, single: bool = False) -> Any:
    timer = qt.QTimer()
    timer.setSingleShot(single)
    timer.setInterval(milliseconds)
    timer.connect("timeout()", receiver)
    return timer
