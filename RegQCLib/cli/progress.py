"""How the commands show progress: a bar, JSON lines, or nothing.

``--progress json`` writes one JSON object a line to stdout, flushed at once, and nothing else:

- ``{"event": "progress", "stage": "reading", "fraction": 0.05}``; fractions never decrease
- ``{"event": "result", ..., "notes": [...], "out": "DIR"}``: the last line of a run that succeeded
- ``{"event": "error", "message": "..."}``: the last line of one that failed (exit code 1 or 2)
- ``{"event": "cancelled"}``: the last line of one that was stopped (exit code 130)

Wrong usage (an unknown option, say) is found before the protocol starts: one line on stderr only.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

from RegQCLib.errors import Cancelled


class ProgressMode(str, Enum):
    """What ``--progress`` accepts."""

    auto = "auto"
    bar = "bar"
    json = "json"
    none = "none"


class Reporter:
    """Shows the progress of one run; itself a ``progress(stage, fraction)`` callback."""

    def __init__(self) -> None:
        self.fraction = 0.0

    def __call__(self, stage: str, fraction: float) -> None:
        """Show ``stage``; a fraction below an earlier one, or outside [0, 1], is clamped."""
        self.fraction = max(self.fraction, min(1.0, float(fraction)))
        self.show(stage)

    def show(self, stage: str) -> None:
        """Show ``stage`` and ``self.fraction``; nothing here."""

    def result(self, summary: str, facts: dict[str, Any]) -> None:  # noqa: ARG002
        """Announce success: ``summary`` is one line for people, ``facts`` are for programs."""
        print(summary)  # noqa: T201

    def failure(self, error: BaseException) -> None:
        """Announce an exception that is on its way out; nothing here."""


class JsonReporter(Reporter):
    """Writes the protocol of this module."""

    def show(self, stage: str) -> None:
        """Write a progress line."""
        self._write(event="progress", stage=stage, fraction=round(self.fraction, 4))

    def result(self, summary: str, facts: dict[str, Any]) -> None:
        """Write the result line."""
        self._write(event="result", summary=summary, **facts)

    def failure(self, error: BaseException) -> None:
        """Write the line that ends a failed or stopped run."""
        from RegQCLib.cli.main import explain

        if isinstance(error, (Cancelled, KeyboardInterrupt)):
            self._write(event="cancelled")
        elif not isinstance(error, BrokenPipeError):
            self._write(event="error", message=explain(error)[0].partition("error: ")[2])

    def _write(self, **line: Any) -> None:
        sys.stdout.write(json.dumps(line, allow_nan=False) + "\n")
        sys.stdout.flush()


class BarReporter(Reporter):
    """Draws a bar on stderr, so that stdout stays clean for pipes."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        columns = (TextColumn("{task.description:<24}"), BarColumn(), TaskProgressColumn())
        self.bar = RichProgress(
            *columns,
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,  # rich would send it to stderr, past any pipe
            redirect_stderr=False,
        )
        self.task = self.bar.add_task("starting", total=1.0)

    def show(self, stage: str) -> None:
        """Move the bar."""
        self.bar.update(self.task, description=stage, completed=self.fraction)

    def result(self, summary: str, facts: dict[str, Any]) -> None:
        """Clear the bar and print the summary."""
        self.bar.stop()
        super().result(summary, facts)


@contextmanager
def reporter(mode: ProgressMode) -> Iterator[Reporter]:
    """Yield the reporter for ``mode``; failures inside are announced and raised again."""
    if mode is ProgressMode.auto:
        mode = ProgressMode.bar if sys.stderr.isatty() else ProgressMode.none
    if mode is ProgressMode.bar:
        shown = BarReporter()
        with shown.bar:
            yield shown
        return
    quiet = JsonReporter() if mode is ProgressMode.json else Reporter()
    try:
        yield quiet
    except BaseException as error:
        quiet.failure(error)
        raise
