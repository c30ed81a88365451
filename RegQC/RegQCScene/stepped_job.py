"""Work in steps, as a job: reading, writing and waiting without keeping the windows waiting."""

from __future__ import annotations

import inspect
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

from RegQCLib.errors import RegQCError
from RegQCScene.job import Event, Job

Steps = Generator[Event | None, None, Mapping[str, Any]]
"""Yields progress, or None to pause; returns the facts of the result."""

BUDGET_S = 0.03
"""Time that one `poll` takes: short enough for a drag or a scroll in between to feel immediate."""


PAUSE = Event("pause")
"""Yielded by work that waits for something else: come back later."""


class SteppedJob:
    """A job whose work is a generator.

    work: called with the job's folder, yields events and returns facts; one that raises RegQCError
    has failed, and the text is for the user. `cancel` closes it: its ``with`` and ``finally``
    clean up behind it. The folder is removed unless the work succeeds.
    """

    def __init__(self, work: Callable[[Path], Steps], folder: str | Path | None = None) -> None:
        self.folder = Path(temporaryFolder() if folder is None else folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._steps = work(self.folder)
        self._ended = self._cancelled = False

    @property
    def running(self) -> bool:
        """Whether `poll` may still have something to say."""
        return not self._ended

    def poll(self) -> list[Event]:
        """Work for a moment; the last event ends the job."""
        if self._ended:
            return []
        said: list[Event] = []
        limit = time.monotonic() + BUDGET_S
        try:
            while time.monotonic() < limit and not self._cancelled:
                event = next(self._steps)
                if event is PAUSE:
                    break
                if event is not None:
                    said.append(event)
        except StopIteration as stop:
            self._ended = True
            said.append(Event("result", "done", 1.0, facts=stop.value or {}))
        except RegQCError as error:
            self._end()
            said.append(Event("error", message=" ".join(str(error).split())))
        except BaseException:
            self._end()
            raise
        if self._cancelled:  # by what happened in the last step
            self.cancel()
            return []
        return said

    def cancel(self) -> None:
        """Stop where it is and leave nothing behind; in the middle of a step, after it."""
        self._cancelled = True
        if inspect.getgeneratorstate(self._steps) != inspect.GEN_RUNNING:
            self._steps.close()
            self._end()

    def removeFolder(self) -> None:
        """Remove the job's folder with all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self) -> None:
        self._ended = True
        self.removeFolder()


def temporaryFolder() -> Path:
    """Make a folder where Slicer's user wants temporary files."""
    import slicer

    place = getattr(slicer.app, "temporaryPath", None)
    return Path(tempfile.mkdtemp(prefix="regqc-", dir=place))


class JobFailed(RegQCError):
    """A child process reported an error; the message is its one line."""


def childSteps(
    arguments: list[str],
    folder: Path,
    span: tuple[float, float] = (0.0, 1.0),
    module: str = "RegQCLib",
) -> Steps:
    """Run ``regqc ARGUMENTS`` as a step of other work; returns the facts of its result.

    span: which part of the whole its progress is. module: see `Job`.
    Raises JobFailed with the child's one line.
    """
    start, stop = span
    job = Job(arguments, folder, module)
    try:
        while job.running:
            for event in job.poll():
                if event.kind == "progress":
                    yield event._replace(fraction=start + (stop - start) * event.fraction)
                elif event.kind == "result":
                    return event.facts
                else:
                    raise JobFailed(event.message or "the calculation was stopped from outside")
            yield PAUSE
    finally:
        if job.running:
            job.cancel()
    raise JobFailed("the calculation ended without a result")
