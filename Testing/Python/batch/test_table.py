"""Tables: columns, types, the manifest's own columns, and both files alike."""

from __future__ import annotations

import csv
import math

import pytest

from RegQCLib.batch.pairs import Pair
from RegQCLib.batch.result_file import FAILED, Result
from RegQCLib.batch.table import COLUMNS, TIME_COLUMNS, row_of, write_tables

pyarrow_parquet = pytest.importorskip("pyarrow.parquet")

CHECK = {"columns": {"verdict": "aligned", "error_mean_mm": 0.1 + 0.2, "flagged_slices": 2,
                     "field_plausible": True, "reason": "well, \"fine\""},
         "seconds": 1.5, "notes": ["a note", "another"], "key": "k"}  # fmt: skip


def pair(name="one", problem="", **columns):
    return Pair(name, {}, {"id": name, "site": "Graz", **columns}, problem)


def result(**options):
    found = {"models": {"matcher.bin": "0123456789", "calibration.json": "ab"}, "seconds": 2.5}
    return Result("one", steps={"check": CHECK}, **{**found, **options})


def test_a_row_holds_what_every_step_said():
    row = row_of(pair(), result(), {"decision": "accepted"})
    assert list(row)[: len(COLUMNS)] == list(COLUMNS)
    assert (row["id"], row["status"], row["verdict"]) == ("one", "done", "aligned")
    assert (row["seconds"], row["seconds_check"], row["seconds_register"]) == (2.5, 1.5, None)
    assert row["notes"] == "a note; another"
    assert row["models"] == "calibration.json:ab matcher.bin:01234567"
    assert (row["decision"], row["site"]) == ("accepted", "Graz")
    assert set(TIME_COLUMNS) <= set(COLUMNS)


def test_failures_and_pairs_that_nobody_came_to():
    failed = row_of(pair(), result(status=FAILED, reason="no such file"))
    assert (failed["status"], failed["reason"]) == ("failed", "no such file")
    bad = row_of(pair(problem="line 3: has no id"), None)
    assert (bad["status"], bad["reason"], bad["seconds"]) == ("failed", "line 3: has no id", None)
    assert row_of(pair(), None)["status"] == "pending"


def test_columns_of_the_manifest_never_hide_ours():
    row = row_of(pair(verdict="good", Reason="because"), result())
    assert (row["verdict"], row["manifest_verdict"]) == ("aligned", "good")
    assert row["Reason"] == "because"


def test_both_tables_hold_the_same(tmp_path):
    names = ["id", "site", "verdict", "note"]
    pairs = [pair(verdict="good", note='ü, "x"\nline'), pair("two")]
    rows = [row_of(pairs[0], result()), row_of(pairs[1], None)]
    csv_file, parquet_file = write_tables(rows, names, tmp_path)
    with csv_file.open(encoding="utf-8", newline="") as stream:
        from_csv = list(csv.DictReader(stream))
    parquet = pyarrow_parquet.read_table(parquet_file)
    assert parquet.column_names == list(from_csv[0])
    assert parquet.column_names == [*COLUMNS, "site", "manifest_verdict", "note"]
    for one, other in zip(from_csv, parquet.to_pylist(), strict=True):
        assert one == {name: "" if value is None else str(value) for name, value in other.items()}
    assert math.isclose(parquet["error_mean_mm"][0].as_py(), 0.3)
    assert parquet["flagged_slices"].to_pylist() == [2, None]
    assert parquet["field_plausible"].to_pylist() == [True, None]
    assert from_csv[0]["note"] == 'ü, "x"\nline'
    assert sorted(p.name for p in tmp_path.iterdir()) == ["results.csv", "results.parquet"]
