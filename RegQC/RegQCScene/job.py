"""The `regqc` command as a child process: its progress, its end, and how to stop it.

The child writes its protocol (RegQCLib/cli/progress.py) into files, not pipes: no thread is needed
to read them, which matters inside Slicer, and a full pipe cannot block the child.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from RegQCLib.errors import InputError
from RegQCScene.process_tree import endTree, newGroup
from RegQCScene.python_for_jobs import (
    ENVIRONMENT_VARIABLE,
    SETTING,
    environmentForJobs,
    pythonForJobs,
)

EVENTS_FILE = "events.jsonl"
ERRORS_FILE = "errors.txt"


class Event(NamedTuple):
    """One thing a job has to say.

    kind: "progress", "result", "error" or "cancelled"; the last three end it. stage, fraction: of
    progress, fraction in [0, 1]. message: one line for the user. facts: the result's values.
    """

    kind: str
    stage: str = ""
    fraction: float = 0.0
    message: str = ""
    facts: Mapping[str, Any] = MappingProxyType({})


class Job:
    """One run of ``python -m MODULE ARGUMENTS --progress json``.

    arguments: as on a command line. folder: of this job alone; made if missing, holds the protocol
    and, if the arguments say so, inputs and outputs; `cancel` and `removeFolder` remove it.
    module: the `regqc` command, or another program that speaks its protocol.
    """

    def __init__(self, arguments: list[str], folder: str | Path, module: str = "RegQCLib") -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.arguments = [str(one) for one in arguments]
        self.cancelled = False
        self._ended = False
        self._rest = b""
        self._lastWord: Event | None = None
        command = [pythonForJobs(), "-m", module, *self.arguments, "--progress", "json"]
        self._process = self._started(command)
        self._events = (self.folder / EVENTS_FILE).open("rb")

    @property
    def running(self) -> bool:
        """Whether `poll` may still have something to say."""
        return not self._ended

    @property
    def exitCode(self) -> int | None:
        """Of the child; None while it runs."""
        return self._process.poll()

    @property
    def processId(self) -> int:
        """Of the child, which leads its process group."""
        return self._process.pid

    def poll(self) -> list[Event]:
        """Return what has been said since the last call; the last event ends the job."""
        if self._ended:
            return []
        ended = self._process.poll() is not None  # asked before reading: nothing is missed
        self._rest += self._events.read()
        *lines, self._rest = self._rest.split(b"\n")
        said = [event for event in map(_parsed, lines) if event is not None]
        progress = [event for event in said if event.kind == "progress"]
        self._lastWord = next((e for e in said if e.kind != "progress"), self._lastWord)
        if not ended:  # files are complete, and memory is free, only when the process is gone
            return progress
        self._finish()
        return [*progress, self._lastWord or self._unexplained()]

    def cancel(self) -> None:
        """End the child and all that it started, and remove the folder."""
        self.cancelled = True
        endTree(self._process)
        self._finish()
        self.removeFolder()

    def removeFolder(self) -> None:
        """Remove the job's folder with all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _started(self, command: list[str]) -> subprocess.Popen[bytes]:
        """Start the child. Raises InputError when the Python for it cannot be started."""
        try:
            with (
                (self.folder / EVENTS_FILE).open("wb") as events,
                (self.folder / ERRORS_FILE).open("wb") as errors,
            ):
                return subprocess.Popen(  # noqa: S603 - our own command, no shell
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=events,
                    stderr=errors,
                    cwd=self.folder,
                    env=environmentForJobs(self.folder),
                    **newGroup(),
                )
        except OSError as error:
            self.removeFolder()
            raise InputError(
                f"{command[0]}: cannot be started ({error.strerror}); check {ENVIRONMENT_VARIABLE} "
                f"and the application setting {SETTING}"
            ) from error

    def _finish(self) -> None:
        self._ended = True
        self._events.close()

    def _unexplained(self) -> Event:
        """Say what is known of a child that ended without a last word."""
        text = ""
        with contextlib.suppress(OSError):
            text = (self.folder / ERRORS_FILE).read_text(encoding="utf-8", errors="replace")
        lines = [line for line in text.splitlines() if line.strip()]
        last = lines[-1].strip() if lines else "it gave no reason"
        return Event("error", message=f"the calculation ended (exit code {self.exitCode}): {last}")


def _parsed(line: bytes) -> Event | None:
    """Read one line of the protocol; None for anything else, such as a library's chatter."""
    try:
        values = json.loads(line)
        kind = values.pop("event")
    except (ValueError, KeyError, AttributeError, TypeError):
        return None
    if kind == "progress":
        return Event(kind, str(values.get("stage", "")), float(values.get("fraction", 0.0)))
    if kind == "result":
        return Event(kind, "done", 1.0, str(values.get("summary", "")), values)
    return Event(kind, message=str(values.get("message", "")))
