"""Registration beside its peers: ``python -m Testing.Benchmarks.registration.run``.

Prints tables in Markdown and writes every figure as JSON. See Testing/Benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from RegQCLib.errors import RegQCError
from Testing.Benchmarks.registration.cases import CAPTURE_STARTS
from Testing.Benchmarks.registration.execution import Settings, run_items
from Testing.Benchmarks.registration.peers import DEFAULT_METHODS, METHODS, unavailable
from Testing.Benchmarks.registration.plan import TASKS, plan
from Testing.Benchmarks.registration.summary import summarize
from Testing.Benchmarks.registration.tables import markdown
from Testing.Benchmarks.results_file import write_results


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(prog="registration.run", description=__doc__)
    result.add_argument("--out", type=Path, help="JSON of all figures")
    result.add_argument("--tasks", type=_names(TASKS), default=TASKS, metavar="A,B")
    result.add_argument("--methods", type=_names(METHODS), default=DEFAULT_METHODS, metavar="A,B")
    result.add_argument("--seeds", type=int, default=5, metavar="N", help="of every phantom task")
    result.add_argument("--first-seed", type=int, default=0, metavar="N")
    result.add_argument("--starts", type=int, default=CAPTURE_STARTS, metavar="N")
    result.add_argument("--small", action="store_true", help="96^3 voxels of 2 mm")
    result.add_argument("--threads", type=int, default=2, metavar="N")
    result.add_argument("--limit", type=float, default=900.0, metavar="S", help="of one run")
    result.add_argument("--peer-python", default=sys.executable, metavar="PATH")
    result.add_argument("--device", default="cpu", help="of RegQC")
    result.add_argument(
        "--cache",
        type=Path,
        default=Path(tempfile.gettempdir()) / "regqc-registration",
        help="folder of finished cases; a stopped run goes on from there",
    )
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and report; exit code 0, or 2 with one line where an input is wrong."""
    args = parser().parse_args(arguments)
    try:
        result = run(args)
    except RegQCError as error:
        print(error, file=sys.stderr)
        return 2
    print(markdown(result))
    if args.out:
        write_results(args.out, result)
    return 0


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Plan, run and summarize."""
    started = time.monotonic()
    found = {name: unavailable(METHODS[name], args.peer_python) for name in args.methods}
    not_run = {name: why for name, why in found.items() if why}
    for name, why in not_run.items():
        print(f"{name} is skipped: {why}", file=sys.stderr)
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    rows = run_items(
        plan(args.tasks, seeds=seeds, starts=args.starts, small=args.small),
        [METHODS[name] for name in args.methods if name not in not_run],
        Settings(
            cache=args.cache,
            threads=args.threads,
            limit_s=args.limit,
            python=args.peer_python,
            device=args.device,
        ),
        log=lambda line: print(line, file=sys.stderr, flush=True),
    )
    return {
        "tasks": summarize(rows),
        "rows": rows,
        "not_run": not_run,
        "protocol": {
            "tasks": list(args.tasks),
            "methods": list(args.methods),
            "seeds": list(seeds),
            "starts": args.starts,
            "small": args.small,
            "threads": args.threads,
            "limit_s": args.limit,
            "device": args.device,
            "seconds": time.monotonic() - started,
            "python": platform.python_version(),
        },
    }


def _names(allowed: Sequence[str] | dict[str, Any]) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        names = tuple(text.split(","))
        wrong = [name for name in names if name not in allowed]
        if wrong:
            raise argparse.ArgumentTypeError(f"{wrong[0]!r} is none of {', '.join(allowed)}")
        return names

    return parse


if __name__ == "__main__":
    sys.exit(main())
