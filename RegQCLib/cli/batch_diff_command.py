"""``regqc batch diff``: what another model, threshold or version changes in a run."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from RegQCLib.batch.diff import RunDiff

EXIT_CHANGED = 3


class DiffFormat(str, Enum):
    """What ``--format`` accepts."""

    table = "table"
    json = "json"
    csv = "csv"


def batch_diff_command(
    a: Annotated[Path, typer.Argument(metavar="A", help="Folder of the earlier run.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Folder of the other run.")],
    form: Annotated[
        DiffFormat, typer.Option("--format", help="A table to read, or all pairs as JSON or CSV.")
    ] = DiffFormat.table,
    large: Annotated[
        float,
        typer.Option(metavar="MM", help="Report errors, TRE and distances that differ by more."),
    ] = 0.5,
    large_dice: Annotated[
        float, typer.Option(metavar="DICE", help="Report Dice that differs by more.")
    ] = 0.02,
    out: Annotated[Path | None, typer.Option(help="File to write instead of printing.")] = None,
    fail_on_change: Annotated[
        bool, typer.Option("--fail-on-change", help="Exit with 3 if any pair changed.")
    ] = False,
) -> None:
    """Compare two runs over the same pairs: verdicts, errors, evaluations, failures, pairs."""
    from RegQCLib.batch.diff import compare, read_run
    from RegQCLib.batch.diff_measures import Limits
    from RegQCLib.geometry.atomic_file import atomic_file

    diff = compare(read_run(a), read_run(b), Limits(large, large_dice))
    text = _text(diff, form)
    if out is None:
        typer.echo(text, nl=False)
    else:
        with atomic_file(out) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
    if fail_on_change and not diff.is_same:
        raise typer.Exit(EXIT_CHANGED)


def _text(diff: RunDiff, form: DiffFormat) -> str:
    import json

    from RegQCLib.batch.diff import diff_csv
    from RegQCLib.batch.diff_table import lines

    if form is DiffFormat.json:
        return json.dumps(diff.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if form is DiffFormat.csv:
        return diff_csv(diff.pairs)
    return "\n".join(lines(diff)) + "\n"
