"""Runs items, one file of the cache for every case and method, so that a stopped run goes on.

Methods take turns inside a case, so that whatever else the machine does meets all of them alike. A
cached result is used only while the code that made it stays the same: its name carries a digest of
the case-making files and of the method's.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any

import RegQCLib
from RegQCLib.errors import RegQCError
from Testing.Benchmarks.registration import measures, peers
from Testing.Benchmarks.registration.cases import Case
from Testing.Benchmarks.registration.plan import Item

Row = dict[str, Any]

CASE_FILES = (
    "waves.py",
    "shapes.py",
    "phantom.py",
    "contrasts.py",
    "rendering.py",
    "cases.py",
    "real_cases.py",
    "measures.py",
    "plan.py",
    "execution.py",
    "processes.py",
)
LIBRARY_FOLDERS = ("geometry", "similarity", "registration", "qc", "weights")


@dataclass(frozen=True)
class Settings:
    """How methods are run. python: of the peers. device: of RegQC."""

    cache: Path
    threads: int = 2
    limit_s: float = 900.0
    python: str = ""
    device: str = "cpu"


def run_items(
    items: Sequence[Item],
    methods: Sequence[peers.Method],
    settings: Settings,
    *,
    log: Callable[[str], None] = print,
) -> list[Row]:
    """Results of every item and every method that offers its kind of registration."""
    settings.cache.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    for number, item in enumerate(items):
        offered = [m for m in methods if item.order.kind in m.kinds]
        turn = number % max(len(offered), 1)
        offered = offered[turn:] + offered[:turn]
        files = {m.name: _file(item, m, settings) for m in offered}
        missing = [m for m in offered if not files[m.name].is_file()]
        if missing:
            case = item.make()
            known = about(item, case)
        for method in missing:
            row = run_one(item, case, method, settings) | known
            _write(files[method.name], row)
            log(f"[{number + 1}/{len(items)}] {item.key} {method.name}: {_told(row)}")
        rows += [json.loads(files[m.name].read_text(encoding="utf-8")) for m in offered]
    return rows


def about(item: Item, case: Case) -> Row:
    """What is the same for every method: the case, its errors at the start and at the truth."""
    return {
        "task": item.task,
        "case": item.key,
        "shape": list(case.fixed.shape),
        "facts": case.facts,
        "start": measures.start(case),
        "truth": {"dice": None if case.truth is None else measures.mean_dice(case, case.truth)},
    }


def run_one(item: Item, case: Case, method: peers.Method, settings: Settings) -> Row:
    """One method on one case; a failure is a row with ``error``."""
    row: Row = {
        "method": method.name,
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "load": os.getloadavg()[0],
    }
    with tempfile.TemporaryDirectory(prefix="regqc-registration-") as folder:
        started = time.perf_counter()
        try:
            found = peers.register(
                method,
                case,
                item.order,
                Path(folder),
                threads=settings.threads,
                limit_s=settings.limit_s,
                python=settings.python,
                device=settings.device,
            )
        except (RegQCError, OSError, KeyError, ValueError) as error:  # a result nobody can read
            return {**row, "error": str(error), "process_s": time.perf_counter() - started}
    process = found.process
    row |= {
        "wall_s": found.seconds,
        "registration_cpu_s": found.cpu_seconds,
        "process_s": process.wall_s,
        "cpu_s": process.cpu_s,
        "peak_gb": process.peak_gb,
        "error": found.error,
        "said": found.said,
    }
    if found.transform is not None:
        try:
            row |= measures.score(case, found.transform, found.inverse)
        except RegQCError as error:
            row["error"] = f"the result cannot be measured: {error}"
    return row


def _told(row: Row) -> str:
    if row["error"]:
        return row["error"]
    names = ("tre_mean", "dice", "wall_s", "cpu_s", "peak_gb")
    return ", ".join(f"{name} {row[name]:.3f}" for name in names if row.get(name) is not None)


def _file(item: Item, method: peers.Method, settings: Settings) -> Path:
    how = f"{settings.threads}t" + ("" if settings.device == "cpu" else f".{settings.device}")
    return settings.cache / f"{item.key}.{how}.{method.name}.{_digest(method.name)}.json"


def _write(file: Path, row: Row) -> None:
    aside = file.with_suffix(".part")
    aside.write_text(json.dumps(row), encoding="utf-8")
    aside.replace(file)


@lru_cache
def _digest(name: str) -> str:
    here, library = Path(__file__).parent, Path(RegQCLib.__file__).parent
    files = [here / file for file in CASE_FILES]
    if name in peers.OURS:
        files.append(Path(peers.__file__))
        for folder in LIBRARY_FOLDERS:
            files += [f for f in (library / folder).rglob("*") if f.is_file()]
    else:
        files += peers.METHODS[name].files
    state = hashlib.sha256()
    for file in sorted(f for f in files if "__pycache__" not in f.parts):
        state.update(file.name.encode())
        state.update(file.read_bytes())
    return state.hexdigest()[:10]
