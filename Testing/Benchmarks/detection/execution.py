"""Runs tasks, a file of the cache for every case and method, so that a stopped run goes on.

A cached result is used only while the code that made it stays the same: its name carries a digest
of the benchmark's case-making files and, for RegQC, of the library's and the weights'.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

import RegQCLib
from RegQCLib.errors import InputError
from RegQCLib.geometry.transforms import Affine
from Testing.Benchmarks.detection import baselines, cases, methods
from Testing.Benchmarks.detection.moves import THROUGH, displacement_mm
from Testing.Benchmarks.detection.pairs import Pair
from Testing.Benchmarks.detection.plan import ALIGNED, CORRECTED, NATURAL, SLICE, Task

Row = dict[str, Any]

CASE_FILES = ("pairs.py", "moves.py", "cases.py", "execution.py", "baselines.py", "methods.py")
LIBRARY_FOLDERS = ("geometry", "qc", "weights")
FALLBACK = "translation"  # where a body is too small to rotate or scale it that far


@dataclass(frozen=True)
class Job:
    """The tasks of one pair in one direction: they share what is loaded."""

    pair: Pair
    tasks: tuple[Task, ...]
    names: tuple[str, ...]
    cache: Path
    spacing_mm: float | None


def run_tasks(
    tasks: Iterable[Task],
    pairs: dict[str, Pair],
    names: Sequence[str],
    *,
    cache: Path,
    spacing_mm: float | None = None,
    jobs: int = 1,
    log: Callable[[str], None] = print,
) -> list[Row]:
    """Results of every task and method: from the cache where it has them, else computed.

    names: "regqc" and any of the classical measures. spacing_mm: average finer voxels first.
    """
    cache.mkdir(parents=True, exist_ok=True)
    ordered = sorted(tasks, key=lambda t: (t.pair, t.swapped))
    work = [
        Job(
            pairs[name].swapped() if swapped else pairs[name],
            tuple(group),
            tuple(names),
            cache,
            spacing_mm,
        )
        for (name, swapped), group in groupby(ordered, key=lambda t: (t.pair, t.swapped))
    ]
    rows: list[Row] = []
    started = time.monotonic()
    for number, (job, found) in enumerate(_each(work, jobs), start=1):
        rows += found
        log(f"[{number}/{len(work)}] {job.pair.name} ({time.monotonic() - started:.0f} s)")
    return rows


def run_job(job: Job) -> list[Row]:
    """Results of one pair; the images are loaded only when something is missing from the cache."""
    loaded: list[cases.Prepared] = []

    def prepared() -> cases.Prepared:
        if not loaded:
            loaded.append(cases.prepare(job.pair, spacing_mm=job.spacing_mm))
        return loaded[0]

    rows = []
    for task in job.tasks:
        files = {name: _file(job, task, name) for name in job.names}
        missing = [name for name, file in files.items() if not file.is_file()]
        if missing:
            for name, row in _results(task, prepared(), missing).items():
                _write(files[name], row)
        rows += [json.loads(file.read_text(encoding="utf-8")) for file in files.values()]
    return rows


def _each(work: Sequence[Job], jobs: int) -> Iterator[tuple[Job, list[Row]]]:
    if jobs == 1:
        for job in work:
            yield job, run_job(job)
        return
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        running = {pool.submit(run_job, job): job for job in work}
        for done in as_completed(running):
            yield running[done], done.result()


def _results(task: Task, prepared: cases.Prepared, names: Sequence[str]) -> dict[str, Row]:
    case, transform, extra = _case(task, prepared)
    base: Row = {
        **task.to_dict(),
        **extra,
        "subject": prepared.pair.subject,
        "organ": prepared.pair.organ,
        "contrast": prepared.pair.contrast,
        "spacing_class": prepared.pair.spacing_class,
        "true_mm": case.mean_mm,
        "border_fraction": case.border_fraction,
    }
    if case.move is not None:
        base["kind"] = THROUGH if task.kind == THROUGH else case.move.kind
    truths = {plane: case.slice_truth(plane) for plane in cases.PLANE_NAMES}
    classical = [name for name in names if name in baselines.NAMES]
    chosen: list[methods.Method] = [methods.RegQCMethod()] if "regqc" in names else []
    if classical:
        chosen.append(baselines.Classical(classical))
    rows = {}
    for method in chosen:
        started = time.perf_counter()
        judged = method.judge(case.fixed, case.moved, transform)
        seconds = time.perf_counter() - started
        for name, judgement in judged.items():
            rows[name] = {
                **base,
                "method": name,
                "seconds": seconds,
                "score": judgement.score,
                "mm": judgement.mm,
                "verdict": judgement.verdict,
                "acquisition": judgement.acquisition,
                "slices": {
                    plane: [
                        {**asdict(s), "true_mm": truths[plane][s.index]}
                        for s in slices
                        if s.index in truths[plane]
                    ]
                    for plane, slices in judgement.slices.items()
                },
            }
    return rows


def _case(task: Task, prepared: cases.Prepared) -> tuple[cases.Case, Any, Row]:
    """Build the case; returns it with the transform to give to the method and further columns."""
    if task.kind in (NATURAL, CORRECTED):
        gold = prepared.gold
        points = prepared.body.points
        truth = np.full(prepared.fixed.shape, np.nan, dtype=np.float32)
        natural = task.kind == NATURAL
        truth[prepared.visible] = displacement_mm(gold, points) if natural else 0.0
        case = cases.Case(prepared.fixed, prepared.moving, None, truth)
        return case, Affine.identity() if natural else gold, {}
    if task.kind == SLICE:
        case, plane, index = cases.shifted_slice(prepared, task.size_mm, seed=task.seed)
        return case, None, {"shifted_plane": plane, "shifted_index": index}
    if task.kind == ALIGNED:
        return cases.build(prepared, None, 0.0, seed=task.seed), None, {}
    try:
        return cases.build(prepared, task.kind, task.size_mm, seed=task.seed), None, {}
    except InputError:
        return cases.build(prepared, FALLBACK, task.size_mm, seed=task.seed), None, {}


def _file(job: Job, task: Task, name: str) -> Path:
    coarse = f".{job.spacing_mm:g}mm" if job.spacing_mm else ""
    return job.cache / f"{task.key}{coarse}.{name}.{_digest(name)}.json"


def _write(file: Path, row: Row) -> None:
    aside = file.with_suffix(".part")
    aside.write_text(json.dumps(row), encoding="utf-8")
    aside.replace(file)


@lru_cache
def _digest(name: str) -> str:
    here, library = Path(__file__).parent, Path(RegQCLib.__file__).parent
    files = [here / file for file in CASE_FILES]
    if name == "regqc":
        for folder in LIBRARY_FOLDERS:
            files += [f for f in (library / folder).rglob("*") if f.is_file()]
    else:
        files += list((library / "similarity").glob("*.py"))
    state = hashlib.sha256()
    for file in sorted(f for f in files if "__pycache__" not in f.parts):
        state.update(file.name.encode())
        state.update(file.read_bytes())
    return state.hexdigest()[:10]
