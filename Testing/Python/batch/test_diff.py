"""Two runs side by side: every kind of change is found, counted and shown."""

from __future__ import annotations

import csv
import json
from io import StringIO

import pytest
from cli.support import refused, run_regqc

from RegQCLib.batch.diff import COLUMNS, compare, diff_csv, read_run
from RegQCLib.batch.diff_measures import Limits
from RegQCLib.batch.diff_table import lines
from RegQCLib.batch.table import write_tables
from RegQCLib.errors import InputError


def row(name, verdict="aligned", error=1.0, **values):
    status = "done" if verdict else "failed"
    return {"id": name, "status": status, "verdict": verdict, "error_mean_mm": error,
            "version": "1.0", "models": "matcher:ab", **values}  # fmt: skip


A = [
    row("same", error=1.0),
    row("near", error=1.0),
    row("exactly", error=1.0),
    row("far", error=1.0, decision="accepted"),
    row("further", error=9.0),
    row("flips", "aligned", 1.4, decision="rejected"),
    row("unclear", "cannot_tell", None),
    row("breaks"),
    row("heals", None, None, reason="truncated"),
    row("gone"),
    row("late"),
    row("unjudged", "", None, status="done"),
]
B = [
    row("flips", "misaligned", 1.6),
    row("same", error=1.0),
    row("near", error=1.3),
    row("exactly", error=1.5),
    row("far", error=1.75),
    row("further", error=7.0),
    row("unclear", "misaligned", 4.0),
    row("breaks", None, None, reason="no overlap"),
    row("heals", "aligned", 0.5),
    row("new"),
    row("late", None, None, status="pending"),
    row("unjudged", "", None, status="done"),
]
EXPECTED = {
    "same": "same", "near": "same", "exactly": "same", "far": "error changed",
    "further": "error changed", "flips": "verdict changed", "unclear": "verdict changed",
    "breaks": "newly failed", "heals": "no longer failed", "gone": "missing in B",
    "new": "missing in A", "late": "missing in B", "unjudged": "same",
}  # fmt: skip


def run(folder, rows):
    folder.mkdir()
    write_tables(rows, [], folder)
    return folder


@pytest.fixture
def folders(tmp_path):
    return run(tmp_path / "a", A), run(tmp_path / "b", B)


@pytest.fixture
def diff(folders):
    return compare(*map(read_run, folders))


def test_every_kind_of_change_is_found(diff):
    assert {pair["id"]: pair["change"] for pair in diff.pairs} == EXPECTED
    assert diff.counts == {
        "newly failed": 1, "missing in B": 2, "verdict changed": 2, "no longer failed": 1,
        "missing in A": 1, "error changed": 2, "evaluation changed": 0, "same": 4}  # fmt: skip
    assert not diff.is_same


def test_what_was_lost_comes_first_and_the_largest_change_before_others(diff):
    order = [pair["id"] for pair in diff.pairs]
    assert order[:5] == ["breaks", "gone", "late", "flips", "unclear"]
    assert order.index("further") < order.index("far")


def test_outcomes_side_by_side(diff):
    assert diff.outcomes["aligned"] == {
        "aligned": 5, "misaligned": 1, "cannot_tell": 0, "done": 0, "failed": 1}  # fmt: skip
    assert diff.outcomes["cannot_tell"]["misaligned"] == 1
    assert diff.outcomes["failed"]["aligned"] == 1
    assert diff.outcomes["done"]["done"] == 1
    assert sum(sum(counts.values()) for counts in diff.outcomes.values()) == 10


def test_changes_of_errors_are_b_minus_a(diff):
    changes = {pair["id"]: pair["error_change_mm"] for pair in diff.pairs}
    assert changes["further"] == -2
    assert changes["unclear"] is None
    # by hand: -2, 0, 0.2, 0.3, 0.5, 0.75 of six pairs
    assert diff.error_change_mm["median"] == pytest.approx(0.25)
    assert diff.error_change_mm["low"] == pytest.approx(-2 + 0.125 * 2)
    assert diff.error_change_mm["high"] == pytest.approx(0.75 - 0.125 * 0.25)


def test_what_counts_as_a_change_can_be_chosen(folders):
    a, b = map(read_run, folders)
    assert compare(a, b, Limits(mm=0.2)).counts["error changed"] == 4
    assert compare(a, b, Limits(mm=3)).counts["error changed"] == 0
    with pytest.raises(InputError, match="0 mm or more"):
        Limits(mm=float("nan"))
    with pytest.raises(InputError, match="0 or more, got -1"):
        Limits(dice=-1)


def test_evaluations_are_compared(tmp_path):
    a = [row("x", dice_mean=0.80, tre_mean_mm=2.0), row("y", dice_mean=0.80, tre_mean_mm=2.0),
         row("z", "", None, status="done", dice_mean=0.5), row("w")]  # fmt: skip
    b = [row("x", dice_mean=0.81, tre_mean_mm=2.4), row("y", dice_mean=0.80, tre_mean_mm=1.2),
         row("z", "", None, status="done", dice_mean=0.9), row("w", dice_mean=0.7)]  # fmt: skip
    diff = compare(read_run(run(tmp_path / "a", a)), read_run(run(tmp_path / "b", b)))
    kinds = {pair["id"]: pair["change"] for pair in diff.pairs}
    assert kinds == {"x": "same", "y": "evaluation changed", "z": "evaluation changed", "w": "same"}
    assert [pair["id"] for pair in diff.pairs][:2] == ["y", "z"], "the largest TRE first"
    assert set(diff.evaluation) == {"dice_mean", "tre_mean_mm"}
    assert diff.evaluation["dice_mean"]["median"] == pytest.approx(0.01)
    assert diff.evaluation["tre_mean_mm"]["median"] == pytest.approx(-0.2)
    text = list(lines(diff))
    assert any(line.startswith("mean Dice, B - A: median +0.010, 95 %") for line in text)
    (z,) = (line for line in text if line.startswith("z "))
    assert z.split()[-3:] == ["-", "+0.400", "-"]
    (found,) = (one for one in csv.DictReader(StringIO(diff_csv(diff.pairs))) if one["id"] == "y")
    assert (found["tre_mean_mm_a"], found["tre_mean_mm_b"]) == ("2.0", "1.2")
    assert diff.to_dict()["evaluation_change"] == diff.evaluation
    narrow = compare(diff.a, diff.b, Limits(dice=0.005))
    assert narrow.counts["evaluation changed"] == 3


def test_readers_decisions_judge_both(diff):
    # far: accepted, aligned in both; flips: rejected, misaligned in B alone
    assert diff.agreement == {"decided": 2, "a": 1, "b": 2}


def test_a_run_is_the_same_as_itself(folders):
    a = read_run(folders[0])
    same = compare(a, a)
    assert same.is_same
    assert "nothing changed" in "\n".join(lines(same))


def test_the_table_says_it_all(diff, folders):
    text = list(lines(diff))
    assert text[0] == f"A: {folders[0]} (12 pairs; RegQC 1.0 matcher:ab)"
    assert text[3] == ("10 pairs in both runs; 1 newly failed, 2 missing in B, 2 verdict changed, "
                       "1 no longer failed, 1 missing in A, 2 error changed")  # fmt: skip
    assert "as the reader decided: A 1, B 2 of 2 pairs" in text
    (flips,) = (line for line in text if line.startswith("flips"))
    assert flips.split() == ["flips", "verdict", "changed", "aligned", "misaligned", "1.40",
                             "1.60", "+0.20"]  # fmt: skip
    assert not [line for line in text if line.startswith("same")]
    assert list(lines(diff, most=2))[-1] == "and 7 more; --format csv has all"


def test_csv_and_json_hold_every_pair(diff):
    rows = list(csv.DictReader(StringIO(diff_csv(diff.pairs))))
    assert tuple(rows[0]) == COLUMNS
    assert {one["id"]: one["change"] for one in rows} == EXPECTED
    assert rows[0]["reason_b"] == "no overlap"
    content = json.loads(json.dumps(diff.to_dict(), allow_nan=False))
    assert len(content["pairs"]) == len(EXPECTED)
    assert content["counts"] == diff.counts


def test_runs_without_a_pair_in_common_are_refused(folders, tmp_path):
    other = read_run(run(tmp_path / "c", [row("else")]))
    with pytest.raises(InputError, match="no pair in common"):
        compare(read_run(folders[0]), other)


@pytest.mark.parametrize(("text", "words"), [
    (None, "no such file; give the folder"),
    ("", "has no column id"),
    ("id,status,verdict\n", "has no column error_mean_mm"),
    ("id,status,verdict,error_mean_mm\nx,done,aligned,far\n", "row 2: error_mean_mm is 'far'"),
    ("id,status,verdict,error_mean_mm\nx,done,aligned,1\nx,done,,\n", "'x' is there twice"),
    ("id,status,verdict,error_mean_mm\nx,done,aligned,1\ny\n", "row 3 is damaged"),
    ("id,status,verdict,error_mean_mm\nx,done,aligned,1,2\n", "row 2 is damaged"),
    ('id,status,verdict,error_mean_mm\n"x', "cannot be read as a table"),
    ("id,status,verdict,error_mean_mm\n\udcff,done,,\n", "cannot be read as a table"),
])  # fmt: skip
def test_tables_that_are_damaged_are_named(tmp_path, text, words):
    if text is not None:
        (tmp_path / "results.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=words) as caught:
        read_run(tmp_path)
    assert str(caught.value).startswith(str(tmp_path / "results.csv"))
    assert "\n" not in str(caught.value)


def test_the_command_prints_a_table_and_says_so_by_its_exit_code(folders, tmp_path):
    a, b = folders
    done = run_regqc("batch", "diff", a, b)
    assert (done.code, done.stderr) == (0, "")
    assert "10 pairs in both runs; 1 newly failed" in done.stdout
    assert run_regqc("batch", "diff", a, b, "--fail-on-change").code == 3
    assert run_regqc("batch", "diff", a, a, "--fail-on-change").code == 0
    refused(run_regqc("batch", "diff", a, tmp_path / "gone"), tmp_path, tmp_path / "gone")


def test_the_command_writes_json_and_csv(folders, tmp_path):
    a, b = folders
    printed = run_regqc("batch", "diff", a, b, "--format", "json", "--large", 3)
    assert json.loads(printed.stdout)["counts"]["error changed"] == 0
    file = tmp_path / "changes.csv"
    done = run_regqc("batch", "diff", a, b, "--format", "csv", "--out", file)
    assert (done.code, done.stdout) == (0, "")
    assert len(list(csv.DictReader(file.open(encoding="utf-8")))) == len(EXPECTED)
