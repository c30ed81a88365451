"""What runs jobs, and tells how they go.

A job is anything that looks like `Runnable`: `job.Job`, `stepped_job.SteppedJob`. `BlockingRunner`
waits until the job has ended, for scripts and tests; `RegQCUI.job_timer.JobTimer` returns at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from RegQCScene.job import Event

POLL_S = 0.02


class Runnable(Protocol):
    """What a runner can run."""

    folder: Path

    @property
    def running(self) -> bool:
        """Whether `poll` may still have something to say."""

    def poll(self) -> list[Event]:
        """Do or read a little; the last event ends the job."""

    def cancel(self) -> None:
        """End it and leave nothing behind."""

    def removeFolder(self) -> None:
        """Remove its folder with all that is in it."""


class Callbacks:
    """Whom to tell: any of them may be None.

    onProgress(stage, fraction); onDone(folder), the job's folder, which the receiver removes;
    onFailed(text), one line; onCancelled().
    """

    def __init__(
        self,
        onProgress: Callable[[str, float], Any] | None = None,
        onDone: Callable[[Path], Any] | None = None,
        onFailed: Callable[[str], Any] | None = None,
        onCancelled: Callable[[], Any] | None = None,
    ) -> None:
        self.onProgress, self.onDone = onProgress, onDone
        self.onFailed, self.onCancelled = onFailed, onCancelled

    def tell(self, event: Event, folder: Path) -> None:
        """Pass one event on."""
        if event.kind == "progress" and self.onProgress:
            self.onProgress(event.stage, event.fraction)
        elif event.kind == "result" and self.onDone:
            self.onDone(folder)
        elif event.kind == "error" and self.onFailed:
            self.onFailed(event.message)
        elif event.kind == "cancelled" and self.onCancelled:
            self.onCancelled()


class Runner:
    """Runs one job at a time; subclasses say when it is polled."""

    def __init__(self) -> None:
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
        if self.busy:
            raise RuntimeError("a calculation is running; wait for it or cancel it")
        self._job = job
        self._callbacks = Callbacks(onProgress, onDone, onFailed, onCancelled)
        self._begin()

    def cancel(self) -> None:
        """Stop the job that runs, if any."""
        job = self._release()
        if job is not None:
            job.cancel()
            self._callbacks.tell(Event("cancelled"), job.folder)

    def _poll(self) -> bool:
        """Let the job work for a moment and pass on what it says; returns whether it spoke."""
        job = self._job
        if job is None:
            return False
        try:
            events = job.poll()
        except BaseException:
            self.cancel()
            raise
        for event in events:
            if self._job is not job:  # a receiver cancelled it
                break
            if event.kind != "progress":
                self._release()
            self._callbacks.tell(event, job.folder)
        return bool(events)

    def _begin(self) -> None:
        """Poll from now on until the job is released."""
        raise NotImplementedError

    def _release(self) -> Runnable | None:
        job, self._job = self._job, None
        return job


class BlockingRunner(Runner):
    """Runs a job to its end before `start` returns."""

    def _begin(self) -> None:
        job = self._job
        try:
            while self._job is job:
                if not self._poll():
                    time.sleep(POLL_S)
        except BaseException:  # such as Ctrl+C
            self.cancel()
            raise
