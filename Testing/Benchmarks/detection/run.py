"""Detection of misalignment on real pairs: ``python -m Testing.Benchmarks.detection.run``.

Prints tables in Markdown and writes every figure as JSON. See Testing/Benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from RegQCLib.errors import RegQCError
from Testing.Benchmarks.detection import baselines, plan
from Testing.Benchmarks.detection.execution import run_tasks
from Testing.Benchmarks.detection.moves import SIZES_MM
from Testing.Benchmarks.detection.pairs import load_natural_pairs, load_pairs
from Testing.Benchmarks.detection.summary import summarize
from Testing.Benchmarks.detection.tables import markdown
from Testing.Benchmarks.results_file import write_results

METHODS = ("regqc", *baselines.NAMES)
PARTS = ("moves", "natural", "slices", "stress", "borderline")
QUICK_PARTS = ("moves", "natural", "slices")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(prog="detection.run", description=__doc__)
    result.add_argument("--out", type=Path, help="JSON of all figures")
    result.add_argument("--methods", type=_names(METHODS), default=METHODS, metavar="A,B")
    result.add_argument("--parts", type=_names(PARTS), metavar="A,B", help=", ".join(PARTS))
    result.add_argument("--organs", type=lambda t: tuple(t.split(",")), default=(), metavar="A,B")
    result.add_argument("--pairs", default="", metavar="TEXT", help="only names that contain TEXT")
    result.add_argument("--sizes", type=_sizes, metavar="MM,MM")
    result.add_argument("--repeats", type=int, metavar="N", help="2; odd repeats swap the images")
    result.add_argument("--jobs", type=int, default=1, metavar="N")
    result.add_argument("--spacing", type=float, metavar="MM", help="average finer voxels first")
    result.add_argument("--quick", action="store_true", help="six pairs, 1 to 3 mm, one repeat")
    result.add_argument(
        "--cache",
        type=Path,
        default=Path(tempfile.gettempdir()) / "regqc-detection",
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
    parts = args.parts or (QUICK_PARTS if args.quick else PARTS)
    sizes = args.sizes or (plan.QUICK_SIZES_MM if args.quick else SIZES_MM)
    repeats = args.repeats or (1 if args.quick else 2)
    pairs = {p.name: p for p in load_pairs(groups=("aligned", "borderline", "stress"))}
    chosen = [
        p
        for p in pairs.values()
        if args.pairs in p.name and (not args.organs or p.organ.startswith(args.organs))
    ]
    if args.quick:
        chosen = [p for p in chosen if p.group != "aligned" or p.name in plan.QUICK_PAIRS]
    tasks = []
    for part, group in (("moves", "aligned"), ("stress",) * 2, ("borderline",) * 2):
        if part in parts:
            members = [p for p in chosen if p.group == group]
            tasks += plan.plan_moves(members, sizes=sizes, repeats=repeats)
    if "natural" in parts:
        found = [n.pair for n in load_natural_pairs()]
        names = {p.name for p in chosen}
        tasks += plan.plan_natural([p for p in found if args.quick or p.name in names])
    if "slices" in parts:
        tasks += plan.plan_slices(chosen)
    rows = run_tasks(
        tasks,
        pairs,
        args.methods,
        cache=args.cache,
        spacing_mm=args.spacing,
        jobs=args.jobs,
        log=lambda line: print(line, file=sys.stderr),
    )
    result = summarize(rows, args.methods)
    result["protocol"] = {
        "pairs": sorted({t.pair for t in tasks}),
        "cases": len(tasks),
        "methods": list(args.methods),
        "sizes_mm": list(sizes),
        "repeats": repeats,
        "spacing_mm": args.spacing,
        "quick": args.quick,
        "seconds": time.monotonic() - started,
        "python": platform.python_version(),
    }
    return result


def _names(allowed: Sequence[str]) -> Any:
    def parse(text: str) -> tuple[str, ...]:
        names = tuple(text.split(","))
        wrong = [name for name in names if name not in allowed]
        if wrong:
            raise argparse.ArgumentTypeError(f"{wrong[0]!r} is none of {', '.join(allowed)}")
        return names

    return parse


def _sizes(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
