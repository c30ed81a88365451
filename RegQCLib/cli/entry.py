"""The ``regqc`` process: turns stop signals into a cancellation before anything else happens.

SIGINT, SIGTERM and, on Windows, SIGBREAK raise KeyboardInterrupt in the main thread, so that every
``with`` block on the way out cleans up. Later signals are ignored: the clean-up is short.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType

EXIT_CANCELLED = 130
STOP_SIGNALS = ("SIGINT", "SIGTERM", "SIGBREAK")


def run() -> None:
    """Run the command line in ``sys.argv`` and exit the process with its code."""
    try:
        cancel_on_signals()
        from RegQCLib.cli.main import app

        app()
    except KeyboardInterrupt:  # before the app could take over
        print("cancelled: nothing was written", file=sys.stderr)  # noqa: T201
        sys.exit(EXIT_CANCELLED)


def cancel_on_signals() -> None:
    """Let the first stop signal raise KeyboardInterrupt and the later ones do nothing."""
    for name in STOP_SIGNALS:
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    for name in STOP_SIGNALS:
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
