"""Child processes that can be ended at once with all that they started, on every system."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any

PATIENCE_S = 5.0
"""A process that was killed is gone after some milliseconds; freeing much memory takes longer."""


def newGroup() -> dict[str, Any]:
    """Arguments of `subprocess.Popen` that make the child the head of a group of its own."""
    if sys.platform == "win32":
        # no console window, and Ctrl+C in Slicer's own does not reach the child
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


def endTree(process: subprocess.Popen[bytes]) -> None:
    """Kill a child made with `newGroup`, and its children; returns when it is gone.

    It is not asked first: whatever it writes lies in a folder that the caller removes.
    """
    if sys.platform == "win32":
        if process.poll() is None:
            command = ["taskkill", "/PID", str(process.pid), "/T", "/F"]
            subprocess.run(command, check=False, capture_output=True)  # noqa: S603
    else:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=PATIENCE_S)
