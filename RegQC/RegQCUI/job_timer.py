"""Runs jobs while the windows stay alive: a timer polls the one that runs."""

from __future__ import annotations

import qt

from RegQCScene.runner import Runnable, Runner

INTERVAL_MS = 50


class JobTimer(Runner):
    """`start` returns at once."""

    def __init__(self) -> None:
        super().__init__()
        self._timer = qt.QTimer()
        self._timer.setInterval(INTERVAL_MS)
        self._timer.connect("timeout()", self._onTimeout)

    def cleanup(self) -> None:
        """Stop everything; for when the module is closed."""
        self.cancel()
        self._timer.disconnect("timeout()", self._onTimeout)

    def _onTimeout(self) -> None:
        self._poll()

    def _begin(self) -> None:
        self._timer.start()

    def _release(self) -> Runnable | None:
        self._timer.stop()
        return super()._release()
