"""Letting Slicer's worklist go on with what a batch found.

``case.json`` in the folder of a pair, as Slicer's worklist writes it, belongs to the images as they
were checked: a stack that was repaired, a transform that was found. ``worklist.csv`` names these.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path

from RegQCLib.batch.case_folder import CHECK_FOLDER, CaseFolder
from RegQCLib.batch.manifest import ROLES, Case
from RegQCLib.batch.options import Options
from RegQCLib.batch.result_file import CASES, DONE, Result
from RegQCLib.batch.steps import Step, steps_of
from RegQCLib.geometry.atomic_file import atomic_file
from RegQCLib.hashing import sha256_of
from RegQCLib.report.decisions import Decisions
from RegQCLib.report.saved_report import REPORT_FILE

WORKLIST_FILE = "worklist.csv"


def save_case(folder: Path, result: Result, options: Options) -> None:
    """Write ``case.json`` into the folder of a pair that was checked."""
    report_file = folder / CHECK_FOLDER / REPORT_FILE
    if not report_file.is_file():
        return
    made = {role: sha256_of(folder / name) for role, name in _made(result, options).items()}
    digests = {**result.digests, **made}
    judging = options.judging()
    judging.pop("device")  # Slicer's worklist does not ask where a result was computed
    key = {
        "inputs": {role: digests[role] for role in ROLES if role in digests},
        "options": judging,
        "regqc": result.version,
    }
    report = json.loads(report_file.read_text(encoding="utf-8"))
    CaseFolder(folder.parent, Case(folder.name, Path(), Path())).save(key, report, Decisions())


def save_worklist(out: Path, results: Iterable[Result], options: Options) -> None:
    """Write ``worklist.csv``: the pairs that are done, with the images as they were checked."""
    with (
        atomic_file(out / WORKLIST_FILE) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.DictWriter(stream, ("id", *ROLES), lineterminator="\n")
        writer.writeheader()
        for result in results:
            if result.status == DONE:
                writer.writerow({"id": result.id, **_paths(out, result, options)})


def _paths(out: Path, result: Result, options: Options) -> dict[str, str]:
    given = {role: str(stamp[0]) for role, stamp in result.stamps.items() if role in ROLES}
    folder = out / CASES / result.id
    made = {role: str(folder / name) for role, name in _made(result, options).items()}
    return {**given, **made}


def _made(result: Result, options: Options) -> dict[str, str]:
    """What steps put in the place of inputs, by role."""
    steps: list[Step] = steps_of(options, result.stamps)
    return {role: name for step in steps for role, name in step.makes.items()}
