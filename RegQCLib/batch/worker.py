"""A process that does pairs for `local_pool`: ``python -m RegQCLib.batch.worker``.

It says {"ready": true} once, then answers each task, one JSON object a line, with its result. It
ends when its input ends, in the middle of a pair, too: nobody waits for that any more.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from typing import IO, Any

THREADS = "REGQC_BATCH_CORES"
"""Environment variable with the cores of this process, numbers parted by commas."""


def main() -> None:
    """Serve until the input ends."""
    for name in ("SIGINT", "SIGBREAK"):  # Ctrl-C is for the parent, which ends us
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    answers = _private_stdout()
    _keep_to_cores(os.environ.get(THREADS, ""))
    from RegQCLib.batch.task import Task, run_pair

    tasks: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(tasks,), daemon=True).start()
    _say(answers, {"ready": True})
    while True:
        task = Task(**json.loads(tasks.get()))
        _say(answers, run_pair(task).to_dict())


def _listen(tasks: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        tasks.put(line)
    os._exit(0)  # no clean-up: whoever takes over removes what is half done


def _private_stdout() -> IO[str]:
    """Return our way to the parent; what libraries print goes to stderr."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def _keep_to_cores(text: str) -> None:
    """Stay on some cores: OpenVINO takes as many threads as there are, whatever OMP_* says."""
    if text and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core) for core in text.split(",")})


def _say(answers: IO[str], content: dict[str, Any]) -> None:
    answers.write(json.dumps(content) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
