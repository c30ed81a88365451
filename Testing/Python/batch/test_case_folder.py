"""What is kept of a case is used again for the same bytes, and for no others."""

from __future__ import annotations

import csv
import hashlib
import json
import os

import numpy as np
import pytest
from report.support import make_report

from RegQCLib.batch import case_folder
from RegQCLib.batch.case_folder import CaseFolder, input_key, input_key_steps, save_summary
from RegQCLib.batch.manifest import Case
from RegQCLib.errors import InputError
from RegQCLib.report.decisions import CaseDecision, Decisions

OPTIONS = {"tolerance_mm": 1.5}


@pytest.fixture
def case(tmp_path):
    for name in ("f.nii", "m.nii"):
        (tmp_path / name).write_text(name)
    return Case("one", tmp_path / "f.nii", tmp_path / "m.nii")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def test_the_key_changes_with_bytes_and_options_and_not_with_dates(case, out):
    key = input_key(case, out, OPTIONS)
    os.utime(case.moving, (1, 1))
    assert input_key(case, out, OPTIONS) == key
    assert input_key(case, out, {"tolerance_mm": 2.0}) != key
    assert set(key["inputs"]) == {"fixed", "moving"}
    case.moving.write_text("other")
    assert input_key(case, out, OPTIONS)["inputs"]["moving"] != key["inputs"]["moving"]
    assert input_key(case, out, OPTIONS)["inputs"]["fixed"] == key["inputs"]["fixed"]


def test_files_are_read_once(case, out, monkeypatch):
    read = []

    def steps(path):
        read.append(path.name)
        yield path.stat().st_size
        return "digest"

    monkeypatch.setattr(case_folder, "sha256_steps", steps)
    for _ in range(3):
        input_key(case, out, OPTIONS)
    assert read == ["f.nii", "m.nii"]


def test_digests_are_made_in_short_steps(case, out):
    content = {}
    for number, file in enumerate((case.fixed, case.moving)):
        content[file] = np.random.default_rng(number).bytes(3_000_000)
        file.write_bytes(content[file])
    steps = input_key_steps(case, out, OPTIONS)
    fractions = []
    while True:
        try:
            fractions.append(next(steps))
        except StopIteration as end:
            key = end.value
            break
    assert len(fractions) >= 6
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert key["inputs"]["moving"] == hashlib.sha256(content[case.moving]).hexdigest()
    assert list(input_key_steps(case, out, OPTIONS)) == []


def test_a_state_comes_back_for_its_key_alone(case, out):
    folder, report = CaseFolder(out, case), make_report().to_dict()
    assert folder.state() == {}
    assert not folder.is_current({})
    key = input_key(case, out, OPTIONS)
    signed = Decisions().signed(CaseDecision("accepted", reviewer="A", time="now"), report)
    folder.save(key, report, signed, {"note": 7})
    again = CaseFolder(out, case)
    assert again.is_current(input_key(case, out, OPTIONS))
    assert again.decisions() == signed
    assert again.state()["note"] == 7
    assert (again.row()["verdict"], again.row()["signature"]) == ("misaligned", "signed")
    case.fixed.write_text("another image")
    assert not again.is_current(input_key(case, out, OPTIONS))


def test_old_states_are_put_aside_and_never_lost(case, out):
    folder = CaseFolder(out, case)
    assert folder.put_aside() is None
    for number in (1, 2):
        folder.save({}, None, Decisions())
        assert folder.put_aside() == out / f"one.old{number}"
        assert (out / f"one.old{number}" / "case.json").exists()
    assert not folder.path.exists()


def test_a_damaged_state_is_none(case, out):
    folder = CaseFolder(out, case)
    folder.path.mkdir(parents=True)
    for text in ("{", "[]"):
        (folder.path / "case.json").write_text(text)
        assert folder.state() == {}
        assert folder.row()["id"] == "one"


def test_the_summary_has_a_row_for_every_case(case, out):
    other = Case("two", case.fixed, case.moving)
    CaseFolder(out, other).save({}, make_report().to_dict(), Decisions())
    path = save_summary(out, [case, other])
    rows = list(csv.DictReader(path.open(encoding="utf-8")))
    assert [(row["id"], row["verdict"]) for row in rows] == [("one", ""), ("two", "misaligned")]
    assert rows[1]["slices_flagged"] == "3"


def test_folders_that_cannot_be_written_are_named(case, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="file"):
        input_key(case, tmp_path / "file" / "out", OPTIONS)
    with pytest.raises(InputError, match="one"):
        CaseFolder(tmp_path / "file", case).save({}, None, Decisions())


def test_the_state_is_plain_json(case, out):
    folder = CaseFolder(out, case)
    folder.save(input_key(case, out, OPTIONS), make_report().to_dict(), Decisions())
    state = json.loads((folder.path / "case.json").read_text(encoding="utf-8"))
    assert state["schema_version"] == "1.0"
    assert state["id"] == "one"
