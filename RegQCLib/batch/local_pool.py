"""Processes on this machine that do pairs; one that dies takes no more than time with it.

Neither `multiprocessing` nor `concurrent.futures`: a process that is killed breaks their pools, and
a forked or re-imported 3D Slicer is none. Each process is fed by a thread, which only waits.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import RegQCLib
from RegQCLib.batch.result_file import FAILED, Result
from RegQCLib.batch.sizing import thread_variables
from RegQCLib.batch.task import Task
from RegQCLib.batch.worker import THREADS
from RegQCLib.errors import RegQCError

ATTEMPTS = 3
"""A pair whose process died is tried so often: the next may have more memory to itself."""
PATIENCE_S = 0.05
LAUNCHERS = ("PythonSlicer", "PythonSlicer.exe")

Outcome = tuple[Task, Result]


class LocalPool:
    """Some processes. cores: those of each, a process for every entry.

    python: that runs them; by default this one, or Slicer's. waiting: called some 20 times a
    second while nothing is ready (``slicer.app.processEvents`` keeps windows alive).
    """

    def __init__(
        self,
        cores: list[list[int]],
        *,
        python: str | None = None,
        waiting: Callable[[], Any] | None = None,
    ) -> None:
        self._cores, self._python = cores, python or python_for_workers()
        self._waiting = waiting
        self._todo: deque[tuple[Task, int]] = deque()
        self._done: queue.SimpleQueue[Outcome | BaseException] = queue.SimpleQueue()
        self._processes: dict[int, subprocess.Popen[str]] = {}
        self._closing = threading.Event()

    @property
    def pids(self) -> list[int]:
        """Process numbers of those that run."""
        return [one.pid for one in list(self._processes.values()) if one.poll() is None]

    def results(self, tasks: Iterable[Task]) -> Generator[Outcome, None, None]:
        """Do tasks; yields each with its result as it ends. Processes end with the iteration.

        Raises RegQCError when processes cannot be started.
        """
        self._todo.extend((task, 1) for task in tasks)
        left = len(self._todo)
        slots = range(min(len(self._cores), left))
        threads = [threading.Thread(target=self._serve, args=(n,), daemon=True) for n in slots]
        try:
            for thread in threads:
                thread.start()
            while left:
                outcome = self._next()
                if isinstance(outcome, BaseException):
                    raise outcome
                left -= 1
                yield outcome
        finally:
            self._closing.set()
            for process in list(self._processes.values()):
                process.kill()
            for thread in threads:
                thread.join()

    def _next(self) -> Outcome | BaseException:
        while True:
            try:
                return self._done.get(timeout=PATIENCE_S)
            except queue.Empty:
                if self._waiting is not None:
                    self._waiting()

    def _serve(self, slot: int) -> None:
        """Keep one process busy until there is nothing to do."""
        try:
            while not self._closing.is_set():
                try:
                    task, attempt = self._todo.popleft()
                except IndexError:
                    break
                result = self._ask(slot, task)
                if result is not None:
                    self._done.put((task, result))
                elif not self._closing.is_set():
                    self._lost(task, attempt, self._processes.pop(slot))
        except Exception as error:  # noqa: BLE001 - raised again where results are awaited
            self._done.put(error)

    def _ask(self, slot: int, task: Task) -> Result | None:
        """Return the result of a task, None when the process died over it."""
        process = self._processes.get(slot)
        if process is None or process.poll() is not None:
            process = self._start(slot)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(asdict(task)) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            return Result.from_dict(json.loads(line))
        except (OSError, ValueError):
            process.kill()
            process.wait()
            return None

    def _lost(self, task: Task, attempt: int, process: subprocess.Popen[str]) -> None:
        """Try a pair again whose process died, or give it up."""
        if attempt < ATTEMPTS:
            self._todo.append((task, attempt + 1))
            return
        why = f"its process ended {ATTEMPTS} times ({_ending(process.returncode)})"
        reason = f"{why}; memory may be short: use less workers, or smaller images"
        self._done.put((task, Result(task.id, status=FAILED, reason=reason, repeat=True)))

    def _start(self, slot: int) -> subprocess.Popen[str]:
        cores = self._cores[slot]
        library = str(Path(RegQCLib.__file__).resolve().parent.parent)
        paths = [library, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        environment = {
            **os.environ,
            **thread_variables(len(cores)),
            THREADS: ",".join(map(str, cores)),
            "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
            "PYTHONIOENCODING": "utf-8",
        }
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
            process = subprocess.Popen(  # noqa: S603 - our own module
                [self._python, "-m", "RegQCLib.batch.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
                encoding="utf-8",
                env=environment,
            )
            self._processes[slot] = process
            assert process.stdout is not None
            if process.stdout.readline() or self._closing.is_set():
                return process
            process.wait()
            complaints.seek(0)
            last = (complaints.read().strip().splitlines() or [_ending(process.returncode)])[-1]
        raise RegQCError(f"a process for the pairs could not be started: {last}")


def python_for_workers() -> str:
    """Return the Python for child processes: PythonSlicer within Slicer, else the running one."""
    folder = Path(sys.executable).parent
    beside = [folder / name for name in LAUNCHERS if (folder / name).is_file()]
    return str(beside[0]) if beside else sys.executable


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
