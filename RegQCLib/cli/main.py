"""The ``regqc`` application: its subcommands, and what users see when something goes wrong.

Exit codes: 0 done; 1 internal error; 2 bad input, one line on stderr; 3 misaligned, with
``--fail-on-misaligned``; 130 cancelled. A traceback appears only with ``REGQC_DEBUG=1``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from RegQCLib import __version__
from RegQCLib.cli import (
    batch_command,
    check_command,
    compress_command,
    doctor_command,
    evaluate_command,
    export_command,
    fix_slices_command,
    manifest_command,
    models_command,
    register_command,
    report_command,
    synth_command,
    train_command,
)
from RegQCLib.cli.entry import EXIT_CANCELLED
from RegQCLib.errors import Cancelled, RegQCError

EXIT_INTERNAL = 1
EXIT_BAD_INPUT = 2


class OneLineErrors(TyperGroup):
    """Ends every failure with one line on stderr and the documented exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command; with ``standalone_mode`` exit the process, as click does."""

        def run() -> Any:  # always without standalone mode: typer.Exit comes back as its code
            return super(OneLineErrors, self).main(
                args, prog_name, complete_var, False, windows_expand_args, **extra
            )

        if not standalone_mode:
            return run()
        try:
            code = run()
        except (Exception, KeyboardInterrupt) as error:
            if os.environ.get("REGQC_DEBUG"):
                raise
            message, code = explain(error)
            if message:
                print(message, file=sys.stderr)  # noqa: T201
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen subcommand; an interrupt arrives as Cancelled, past typer's own ways."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Cancelled from None


def explain(error: BaseException) -> tuple[str, int]:
    """Return the line for stderr and the exit code that belong to ``error``."""
    if isinstance(error, (Cancelled, KeyboardInterrupt, typer.Abort)):
        what = str(error) if isinstance(error, Cancelled) else ""
        return f"cancelled: {what or 'nothing was written'}", EXIT_CANCELLED
    if isinstance(error, BrokenPipeError):  # the reader of our stdout has gone
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - for the flush at exit
        return "cancelled: the reader of the output has gone", EXIT_CANCELLED
    if isinstance(error, MemoryError):
        advice = "crop the images, or resample them to larger voxels, and try again"
        return f"error: not enough memory for this pair; {advice}", EXIT_BAD_INPUT
    if isinstance(error, RegQCError):
        return f"error: {one_line(str(error))}", EXIT_BAD_INPUT
    if hasattr(error, "format_message"):  # a usage error of click, whose home varies
        usage = one_line(error.format_message())  # empty where it has already printed the help
        return f"error: {usage} (see --help)" if usage else "", EXIT_BAD_INPUT
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"error: {where}{one_line(error.strerror)}", EXIT_BAD_INPUT
    what = one_line(f"{type(error).__name__}: {error}")
    hint = "run with REGQC_DEBUG=1 for the traceback"
    return f"internal error: {what}; {hint}", EXIT_INTERNAL


def one_line(text: str) -> str:
    """Return ``text`` with every run of white space as one blank."""
    return " ".join(text.split())


app = typer.Typer(
    cls=OneLineErrors,
    name="regqc",
    help="Tell whether two medical images are aligned, where not, and by how much.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"regqc {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass


app.command("check")(check_command.check_command)
app.command("register")(register_command.register_command)
app.command("fix-slices")(fix_slices_command.fix_slices_command)
app.command("report")(report_command.report_command)
app.command("export")(export_command.export_command)
app.command("evaluate")(evaluate_command.evaluate_command)
app.add_typer(batch_command.app, name="batch")
app.add_typer(manifest_command.app, name="manifest")
app.command("synth")(synth_command.synth_command)
app.add_typer(train_command.app, name="train")
app.command("compress")(compress_command.compress_command)
app.command("models")(models_command.models_command)
app.command("doctor")(doctor_command.doctor_command)
