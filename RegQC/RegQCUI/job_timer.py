"""Runs jobs while the windows stay alive: a timer polls the one that runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt

from RegQCScene.job import Event
from RegQCScene.runner import Callbacks, Runnable, requireIdle

INTERVAL_MS = 50


class JobTimer:
    """The methods of `RegQCScene.runner.BlockingRunner`; `start` returns at once."""

    def __init__(self) -> None:
        self._timer = qt.QTimer()
        self._timer.setInterval(INTERVAL_MS)
        self._timer.connect("timeout()", self._poll)
        self._job: Runnable | None = None
        self._callbacks = Callbacks()

    @property
    def busy(self) -> bool:
        """Whether a job runs."""
        return self._job is not None

    def start(
        self,
        job: Runnable,
        *,
        onProgress: Callable[[str, float], Any] | None = None,
        onDone: Callable[[Path], Any] | None = None,
        onFailed: Callable[[str], Any] | None = None,
        onCancelled: Callable[[], Any] | None = None,
    ) -> None:
        """Run ``job``; see `Callbacks`. Raises RuntimeError while another one runs."""
        requireIdle(self.busy)
        self._job = job
        self._callbacks = Callbacks(onProgress, onDone, onFailed, onCancelled)
        self._timer.start()

    def cancel(self) -> None:
        """Stop the job that runs, if any."""
        job = self._release()
        if job is not None:
            job.cancel()
            self._callbacks.tell(Event("cancelled"), job.folder)

    def cleanup(self) -> None:
        """Stop everything; for when the module is closed."""
        self.cancel()
        self._timer.disconnect("timeout()", self._poll)

    def _poll(self) -> None:
        job = self._job
        if job is None:
            return
        try:
            events = job.poll()
        except BaseException:
            self.cancel()
            raise
        for event in events:
            if self._job is not job:  # a receiver cancelled it
                return
            if event.kind != "progress":
                self._release()
            self._callbacks.tell(event, job.folder)

    def _release(self) -> Runnable | None:
        job, self._job = self._job, None
        self._timer.stop()
        return job
