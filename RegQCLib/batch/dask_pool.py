"""Pairs on a Dask cluster: the same task, on whatever machines share the files.

Dask gives a pair whose worker was lost to another, a few times; results come by way of the disk,
too, so that whatever happens to scheduler or workers, what was done stays done.
"""

from __future__ import annotations

import os
import queue
import re
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

from RegQCLib import __version__
from RegQCLib.batch.result_file import FAILED, Result
from RegQCLib.batch.sizing import usable_cores
from RegQCLib.batch.task import Task, run_pair
from RegQCLib.errors import InputError, MissingDependencyError, RegQCError

CONNECT_S = 30.0
PATIENCE_S = 0.05
RETRIES = 2
"""Of a pair whose worker raised; of lost workers Dask allows ``allowed-failures``, by default 3."""


class DaskPool:
    """Workers of the scheduler at an address (``tcp://host:8786``, or a scheduler file).

    waiting: called some 20 times a second while nothing is ready.
    Raises MissingDependencyError without Dask, InputError when nobody answers.
    """

    def __init__(self, address: str, *, waiting: Callable[[], Any] | None = None) -> None:
        if find_spec("distributed") is None:
            raise MissingDependencyError(
                "a Dask scheduler is reached by distributed; run: pip install 'RegQC[batch]'"
            )
        from distributed import Client

        by_file = address.endswith(".json")
        where = {"scheduler_file": address} if by_file else {"address": address}
        try:
            if by_file and not Path(address).is_file():  # Dask would wait for it, without end
                raise FileNotFoundError
            self._client = Client(**where, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise InputError(
                f"{address}: no Dask scheduler answers there; check the address, such as "
                "tcp://host:8786, and that it runs"
            ) from error
        self._waiting = waiting

    def results(self, tasks: Iterable[Task]) -> Generator[tuple[Task, Result], None, None]:
        """Do tasks; yields each with its result as it ends. What is left is called off at the end.

        Raises RegQCError when the scheduler is lost, or workers lack RegQC or have another version.
        """
        ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        run = uuid4().hex[:8]  # never a result that the scheduler remembers
        by_future: dict[Any, Task] = {}
        try:
            for task in tasks:
                future = self._client.submit(
                    do_on_worker,
                    task,
                    __version__,
                    key=f"regqc-{run}-{task.id}",
                    pure=False,
                    retries=RETRIES,
                )
                by_future[future] = task
                future.add_done_callback(ended.put)
            while by_future:
                future = self._next(ended)
                yield by_future.pop(future), _result(future)
        finally:
            self._client.cancel(list(by_future))
            self._client.close()

    def _next(self, ended: queue.SimpleQueue[Any]) -> Any:
        while True:
            try:
                return ended.get(timeout=PATIENCE_S)
            except queue.Empty:
                if self._waiting is not None:
                    self._waiting()


def do_on_worker(task: Task, version: str) -> Result:
    """What a worker does. Raises RegQCError when its RegQC is another one."""
    if version != __version__:
        raise RegQCError(f"a worker has RegQC {__version__}, and this is {version}; install one")
    _keep_to_share()
    return run_pair(task)


@cache
def _keep_to_share() -> None:
    """Stay on as many cores as this worker has threads, others than its neighbors' ones.

    OpenVINO takes and pins all the cores it sees: workers on one machine would fight. It looks at
    the process, not at the thread that pairs are done in. Which cores are whose is told by the
    workers' numbers, the last in their names.
    """
    from distributed import get_worker

    worker, cores = get_worker(), usable_cores()
    share = max(1, worker.state.nthreads)
    if share >= len(cores) or not hasattr(os, "sched_setaffinity"):
        return
    numbers = re.findall(r"\d+", str(worker.name))
    first = share * int(numbers[-1] if numbers else os.getpid())
    own = {cores[(first + n) % len(cores)] for n in range(share)}
    for thread in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError):  # it has just ended
            os.sched_setaffinity(int(thread.name), own)


def _result(future: Any) -> Result:
    from distributed import KilledWorker

    name = str(future.key).split("-", 2)[2]
    if future.status == "finished":
        found: Result = future.result()
        return found
    if future.status != "error":  # lost, or called off
        raise RegQCError("the Dask scheduler was lost; run the same command again to go on")
    error = future.exception()
    if isinstance(error, KilledWorker):
        reason = "its Dask workers were lost, one after the other; memory may be short"
        return Result(name, status=FAILED, reason=reason, repeat=True)
    raise RegQCError(f"a Dask worker cannot work: {type(error).__name__}: {error}") from error
