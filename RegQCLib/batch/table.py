"""The tables of a batch: one row a pair in the order of the manifest, as CSV and Parquet.

Two runs over the same files give the same tables but for `TIME_COLUMNS` and what people decided.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from RegQCLib.batch.pairs import Pair
from RegQCLib.batch.result_file import FAILED, Result
from RegQCLib.geometry.atomic_file import atomic_file

CSV_FILE, PARQUET_FILE = "results.csv", "results.parquet"
PENDING = "pending"
"""Status of a pair that an interrupted run has not come to."""

STEPS = ("fix_slices", "register", "check", "evaluate")
TIME_COLUMNS = ("seconds", *(f"seconds_{name}" for name in STEPS))
"""Time a pair took, and its steps; a step that was taken over keeps the time it once took."""

KINDS: dict[str, type] = {
    "id": str,
    "status": str,
    "reason": str,
    "verdict": str,
    "probability_misaligned": float,
    "error_mean_mm": float,
    "error_low_mm": float,
    "error_high_mm": float,
    "error_p95_mm": float,
    "flagged_slices": int,
    "flagged": str,
    "field_plausible": bool,
    "folded_fraction": float,
    "sd_log_jacobian": float,
    "verdict_before": str,
    "error_mean_before_mm": float,
    "kept": str,
    "slices_moved": int,
    "dice_mean": float,
    "hd95_mean_mm": float,
    "assd_mean_mm": float,
    "tre_mean_mm": float,
    "notes": str,
    **dict.fromkeys(TIME_COLUMNS, float),
    "version": str,
    "models": str,
    "decision": str,
    "decision_reason": str,
    "reviewer": str,
    "decision_time": str,
}
"""Columns and what they hold; a cell is None where nothing is known. "id" comes first."""
COLUMNS = tuple(KINDS)


def row_of(
    pair: Pair, result: Result | None, decision: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return a row: `COLUMNS`, then the manifest's own under the names of `own_names`."""
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row["id"], row["status"] = pair.id, PENDING
    if pair.problem:
        row |= {"status": FAILED, "reason": pair.problem}
    if result is not None:
        for name, step in result.steps.items():
            row |= step["columns"]
            row[f"seconds_{name}"] = step["seconds"]
        notes = [note for step in result.steps.values() for note in step["notes"]]
        row |= {
            "status": result.status,
            "notes": "; ".join(dict.fromkeys(notes)) or None,
            "seconds": result.seconds,
            "version": result.version,
            "models": " ".join(f"{k}:{v[:8]}" for k, v in sorted(result.models.items())),
        }
        if result.status == FAILED:
            row["reason"] = result.reason
    row |= decision or {}
    own = {own_name(name): text for name, text in pair.columns.items() if name.lower() != "id"}
    return {**row, **own}


def own_name(name: str) -> str:
    """Return the name in the tables of a manifest's column."""
    return f"manifest_{name}" if name in KINDS else name


def write_tables(
    rows: Sequence[Mapping[str, Any]], manifest_columns: Iterable[str], out: Path
) -> list[Path]:
    """Write both tables, complete or not at all; returns their paths.

    Parquet needs pyarrow; without it there is the CSV alone.
    """
    own = [own_name(name) for name in manifest_columns if name.lower() != "id"]
    names = [*COLUMNS, *dict.fromkeys(own)]
    _write_csv(rows, names, out / CSV_FILE)
    if find_spec("pyarrow") is None:
        return [out / CSV_FILE]
    _write_parquet(rows, names, out / PARQUET_FILE)
    return [out / CSV_FILE, out / PARQUET_FILE]


def _write_csv(rows: Sequence[Mapping[str, Any]], names: list[str], path: Path) -> None:
    with (
        atomic_file(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(names)
        for row in rows:
            writer.writerow(["" if row.get(name) is None else row[name] for name in names])


def _write_parquet(rows: Sequence[Mapping[str, Any]], names: list[str], path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    types = {
        str: pa.string(),
        float: pa.float64(),
        int: pa.int64(),
        bool: pa.bool_(),
    }
    schema = pa.schema([(name, types[KINDS.get(name, str)]) for name in names])
    table = pa.Table.from_pylist([dict(row) for row in rows], schema=schema)
    with atomic_file(path) as temporary:
        parquet.write_table(table, temporary)
