"""Wrong results that no tool signals, made again: ``python -m Testing.Benchmarks.silent_failures``.

Deformable registrations of a phantom by other programs, chosen because they may end wrong while the
program ends as usual. Which of them did is measured against the truth. Their transforms go to
`check`, which should call the wrong ones misaligned; `register` gets the same pairs and should
return none that is wrong. The true transforms are the control: they should pass. Peers and how to
install them: Testing/Benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from RegQCLib.errors import RegQCError
from RegQCLib.geometry.transforms import Transform
from RegQCLib.qc.check import check
from RegQCLib.registration.register import register
from Testing.Benchmarks.registration import measures, peers
from Testing.Benchmarks.registration.cases import (
    AFFINE,
    CROSS,
    FULL,
    SAME,
    SMALL,
    Case,
    Size,
    phantom_case,
)
from Testing.Benchmarks.results_file import write_results

PLAIN_FIELD = peers.Method("plain field", "monai", "run_plain_field.py", (peers.DEFORMABLE,))
LIMIT_S = 1800.0

WRONG_MM = 1.5
"""Mean error above which a result is wrong: the default tolerance of the check."""

WRONG_FOLDS = 0.001
"""Share of the brain that folds above which a result is wrong, wherever its points lie."""


@dataclass(frozen=True)
class Failure:
    """A registration that may go wrong without a word. same_contrast: what the tool is told."""

    name: str
    method: peers.Method
    task: str
    same_contrast: bool


FAILURES = (
    Failure("greedy WNCC, T1 to T2", peers.METHODS["greedy"], CROSS, True),
    Failure("plain field LNCC, T1 to T2", PLAIN_FIELD, CROSS, True),
    Failure("elastix B-spline default, T1 to T2", peers.METHODS["elastix"], CROSS, False),
    Failure("elastix B-spline default, T1 to T1", peers.METHODS["elastix"], SAME, True),
    Failure("ANTs SyNOnly default, T1 to T2", peers.METHODS["ants"], CROSS, False),
    Failure("elastix B-spline, no affine step before", peers.METHODS["elastix"], AFFINE, False),
    Failure("ANTs SyNOnly, no affine step before", peers.METHODS["ants"], AFFINE, False),
)
TASKS = (SAME, CROSS, AFFINE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all, print a table, write the figures; exit code 0, or 1 when a wrong one passed."""
    args = parser().parse_args(arguments)
    size = FULL if args.full else SMALL
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    rows = []
    for seed in seeds:
        for row in results(seed, size, args.peer_python, args.threads):
            rows.append({"seed": seed, **row})
            print(line(row), flush=True)
    counts = summary(rows)
    print(counts)
    if args.out:
        size_shown = {"voxels": size[0], "mm": size[1]}
        write_results(args.out, {"size": size_shown, **counts, "rows": rows})
    return 0 if counts["wrong_flagged"] == counts["wrong"] and not counts["returned"] else 1


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(prog="silent_failures", description=__doc__)
    result.add_argument("--out", type=Path, help="JSON of all figures")
    result.add_argument("--seeds", type=int, default=1, metavar="N")
    result.add_argument("--first-seed", type=int, default=0, metavar="N")
    result.add_argument("--full", action="store_true", help="160 x 192 x 160 voxels of 1 mm")
    result.add_argument("--threads", type=int, default=2, metavar="N")
    result.add_argument("--peer-python", default=sys.executable, metavar="PATH")
    return result


def results(seed: int, size: Size, python: str, threads: int) -> Iterator[dict[str, Any]]:
    """Controls, our own results and the failures of one phantom."""
    cases = {task: phantom_case(task, seed, size) for task in TASKS}
    for task, case in cases.items():
        yield control(task, case)
        yield ours(task, case)
    for failure in FAILURES:
        yield made_again(failure, cases[failure.task], python, threads)


def made_again(failure: Failure, case: Case, python: str, threads: int) -> dict[str, Any]:
    """What a peer returns, how wrong it is, and what the check says of it."""
    row: dict[str, Any] = {"what": "failure", "name": failure.name, "start": measures.start(case)}
    why = peers.unavailable(failure.method, python)
    if why:
        return {**row, "error": why}
    order = peers.Order(peers.DEFORMABLE, failure.same_contrast)
    with tempfile.TemporaryDirectory(prefix="regqc-silent-") as folder:
        found = peers.register(
            failure.method,
            case,
            order,
            Path(folder),
            threads=threads,
            limit_s=LIMIT_S,
            python=python,
        )
    if found.transform is None:
        return {**row, "error": found.error}
    return {**row, "exit_code": found.process.code, **judged(case, found.transform)}


def control(task: str, case: Case) -> dict[str, Any]:
    """What the check says of the true transform."""
    assert case.truth is not None
    return {"what": "control", "name": f"true transform, {task}", **judged(case, case.truth)}


def judged(case: Case, transform: Transform) -> dict[str, Any]:
    """How wrong a transform is, and what the check says of it."""
    row = measures.score(case, transform)
    try:
        report = check(case.fixed, case.moving, transform)
    except RegQCError as error:  # refused: flagged, and why
        return {**row, "verdict": "refused", "reason": str(error)}
    return {
        **row,
        "verdict": report.verdict,
        "reason": report.reason,
        "probability_misaligned": report.probability_misaligned,
        "estimated_mm": None if report.error_mm is None else report.error_mm.mean,
    }


def ours(task: str, case: Case) -> dict[str, Any]:
    """What `register` makes of the same pair."""
    found = register(case.fixed, case.moving, peers.DEFORMABLE)
    return {
        "what": "register",
        "name": f"RegQC, {task}",
        "start": measures.start(case),
        **measures.score(case, found.transform, found.inverse),
        "kept": found.kept,
        "limits": list(found.limits),
        "verdict": found.after.verdict,
        "reason": found.after.summary()["reason"],
        "estimated_mm": found.after.error_mm,
        "timing_s": found.timing_s,
    }


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Counts of what was made, of what was wrong, and of what was flagged among both.

    returned: results of `register` that are wrong and called aligned.
    """
    made = [row for row in rows if row["what"] == "failure" and "error" not in row]
    wrong = [row for row in made if is_wrong(row)]
    controls = [row for row in rows if row["what"] == "control"]
    own = [row for row in rows if row["what"] == "register"]
    return {
        "made": len(made),
        "not_made": sum("error" in row for row in rows),
        "wrong": len(wrong),
        "wrong_flagged": sum(is_flagged(row) for row in wrong),
        "right_flagged": sum(is_flagged(row) for row in made if not is_wrong(row)),
        "controls": len(controls),
        "controls_flagged": sum(is_flagged(row) for row in controls),
        "register": len(own),
        "returned": sum(is_wrong(row) and row["verdict"] == "aligned" for row in own),
    }


def is_wrong(row: dict[str, Any]) -> bool:
    """Whether a transform is wrong by the truth."""
    return bool(row["tre_mean"] > WRONG_MM or row["folds"] > WRONG_FOLDS)


def is_flagged(row: dict[str, Any]) -> bool:
    """Whether the check objects to a transform."""
    return row["verdict"] in {"misaligned", "refused"}


def line(row: dict[str, Any]) -> str:
    """One row as text."""
    if "error" in row:
        return f"{row['name']}: not run ({row['error']})"
    estimate = row.get("estimated_mm")
    shown = "" if estimate is None else f", estimated {estimate:.2f} mm"
    return (
        f"{row['name']}: TRE {row['tre_mean']:.2f} mm, Dice {row['dice']:.3f}, folds "
        f"{row['folds']:.2%}: {row['verdict']}{shown}"
    )


if __name__ == "__main__":
    sys.exit(main())
