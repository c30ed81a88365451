"""``regqc batch``: the pairs of a manifest, as many at a time as the machine or a cluster takes."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from RegQCLib.cli.batch_diff_command import batch_diff_command
from RegQCLib.cli.check_command import Device
from RegQCLib.cli.notes import print_notes
from RegQCLib.cli.progress import ProgressMode, Reporter, reporter
from RegQCLib.cli.register_command import Kind
from RegQCLib.errors import Cancelled

DEFAULT_COMMAND = "run"
MOST_NOTES = 20
SPEED_OVER_S = 600.0  # of the time left: a pair may take minutes
STEPS = "What is done with each pair, in this order"
WHERE = "Where it runs"


class RunUnlessNamed(TyperGroup):
    """``regqc batch MANIFEST`` is short for ``regqc batch run MANIFEST``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Name the command where none is named."""
        if not args or args[0] not in self.commands:
            args = [DEFAULT_COMMAND, *(args or ["--help"])]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=RunUnlessNamed, help="Check thousands of pairs; compare two such runs.")


class Stack(str, Enum):
    """Which image has slices that may have moved."""

    fixed = "fixed"
    moving = "moving"


@app.command(DEFAULT_COMMAND)
def batch_command(
    manifest: Annotated[
        Path,
        typer.Argument(
            metavar="MANIFEST",
            help="CSV or TSV with the columns fixed and moving and, if wanted, transform, mask, "
            "labels, landmarks (two files each, FIXED|MOVING) and id; paths are relative to it.",
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for results; what is done there is not repeated.")
    ],
    fix_slices: Annotated[
        Stack | None,
        typer.Option(help="Put back slices of this image that moved.", rich_help_panel=STEPS),
    ] = None,
    register: Annotated[
        Kind | None, typer.Option(help="Register, from the transform on.", rich_help_panel=STEPS)
    ] = None,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Check.", rich_help_panel=STEPS)
    ] = True,
    evaluate: Annotated[
        bool,
        typer.Option("--evaluate", help="Evaluate labels and landmarks.", rich_help_panel=STEPS),
    ] = False,
    tolerance: Annotated[
        float | None,
        typer.Option(metavar="MM", help="Mean error in mm above which a pair is misaligned."),
    ] = None,
    between_people: Annotated[
        bool,
        typer.Option("--between-people", help="Two people: a transform may bend more."),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Processes on this machine; else as many as cores and memory allow.",
            rich_help_panel=WHERE,
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="A Dask scheduler (tcp://host:8786, or its .json file) whose workers see the same "
            "files under the same paths.",
            rich_help_panel=WHERE,
        ),
    ] = None,
    device: Annotated[
        Device, typer.Option(help="Where the network runs.", rich_help_panel=WHERE)
    ] = Device.auto,
    root: Annotated[
        Path | None, typer.Option(help="Folder that relative paths begin at, and stay in.")
    ] = None,
    reviews: Annotated[
        Path | None, typer.Option(help="File saved by the review page, to take over.")
    ] = None,
    resume: Annotated[  # noqa: ARG001  # scripts may ask for what is always done
        bool, typer.Option("--resume", help="Go on where an earlier run stopped; always so.")
    ] = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No bar and no notes.")] = False,
    progress: Annotated[
        ProgressMode, typer.Option(help="How to show progress.")
    ] = ProgressMode.auto,
) -> None:
    """Check the pairs of MANIFEST; the folder --out gets tables and a page to review them.

    A run that was stopped goes on when the same command is given again; what has changed is redone.
    `regqc batch diff A B` compares two runs.
    """
    from RegQCLib.batch.options import Options
    from RegQCLib.batch.running import Batch

    with pairs_reporter(ProgressMode.none if quiet else progress) as shown:
        options = Options(
            fix_slices=None if fix_slices is None else fix_slices.value,
            register=None if register is None else register.value,
            check=check,
            evaluate=evaluate,
            tolerance_mm=tolerance,
            between_people=between_people,
            device=device.value,
        )
        batch = Batch(manifest, out, options=options, root=root, reviews=reviews)
        shown.expect(len(batch.pairs))
        done = 0
        try:
            with closing(batch.results(workers=workers, scheduler=scheduler)) as rows:
                for row in rows:
                    done += 1
                    shown.add(row, kept=not batch.working)
        except KeyboardInterrupt:
            raise Cancelled(
                f"{done} of {len(batch.pairs)} pairs are done; run the same command to go on"
            ) from None
        notes = failures(batch.rows)
        if batch.decided and reviews is not None:
            notes.append(batch.decided)
        facts = {"counts": dict(shown.counts), "out": str(out), "notes": notes, "kept": shown.kept}
        shown.reporter.result(f"{summary(shown.counts)}; results in {out}", facts)
    if not quiet:
        print_notes(notes)


app.command("diff")(batch_diff_command)


def summary(counts: Mapping[str, int]) -> str:
    """The outcome in one line."""
    words = {"cannot_tell": "cannot tell"}
    parts = [f"{count} {words.get(name, name)}" for name, count in counts.items()]
    total = sum(counts.values())
    return f"{total} {'pair' if total == 1 else 'pairs'}: {', '.join(parts)}"


def failures(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """A line for each pair that failed, the first of them."""
    lines = [f"{row['id']} failed: {row['reason']}" for row in rows if row["status"] == "failed"]
    if len(lines) > MOST_NOTES:
        rest = len(lines) - MOST_NOTES
        return [*lines[:MOST_NOTES], f"{rest} more failed; results.csv says why"]
    return lines


class PairsReporter:
    """Counts pairs as they end, and shows them by a reporter of the command line."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter, self.total, self.done, self.kept = reporter, 0, 0, 0
        self.counts: Counter[str] = Counter()

    def expect(self, total: int) -> None:
        """Say how many pairs there are."""
        self.total = total

    def add(self, row: Mapping[str, Any], *, kept: bool = False) -> None:
        """Show that a pair has ended. kept: an earlier run did it."""
        self.done += 1
        self.kept += kept
        self.counts[row["verdict"] or row["status"]] += 1
        self.reporter(f"{self.done} of {self.total} pairs", self.done / self.total)


class PairsBar(PairsReporter):
    """Draws a bar with rate and time left on stderr."""

    def __init__(self) -> None:
        super().__init__(Reporter())
        from rich import progress
        from rich.console import Console

        self.bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[rate]}"),
            progress.TimeElapsedColumn(),
            progress.TextColumn("left"),
            progress.TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            speed_estimate_period=SPEED_OVER_S,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self.task = self.bar.add_task("starting", total=None, rate="")

    def expect(self, total: int) -> None:
        """Show the bar's length."""
        super().expect(total)
        self.bar.update(self.task, total=total)

    def add(self, row: Mapping[str, Any], *, kept: bool = False) -> None:
        """Move the bar; rate and time left are those of the work that is done now."""
        super().add(row, kept=kept)
        if kept:
            self.bar.reset(self.task, total=self.total)
        speed = self.bar.tasks[0].speed
        rate = "" if not speed else f"{60 * speed:.3g} a minute"
        failed = self.counts["failed"]
        words = f"{failed} failed" if failed else "pairs"
        self.bar.update(self.task, completed=self.done, description=words, rate=rate)


@contextmanager
def pairs_reporter(mode: ProgressMode) -> Iterator[PairsReporter]:
    """Yield what shows the progress; failures inside are announced and raised again."""
    if mode is ProgressMode.bar or (mode is ProgressMode.auto and sys.stderr.isatty()):
        shown = PairsBar()
        with shown.bar:
            yield shown
        return
    with reporter(mode) as one:
        yield PairsReporter(one)
