"""Decisions: what replaces what, files that come back the same, and a seal that breaks."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
from report.support import make_report

from RegQCLib.errors import InputError
from RegQCLib.report.decisions import (
    CaseDecision,
    Decisions,
    SliceDecision,
    load_decisions,
    save_decisions,
    time_text,
    utc_now,
)
from RegQCLib.report.schema import DECISIONS, validate

NOW = "2026-03-04T05:06:07Z"


def judged(index=3, plane="axial", decision="rejected", **words):
    return SliceDecision(plane, index, -1.25, decision, time=NOW, **words)


@pytest.fixture
def report():
    return make_report().to_dict()


@pytest.fixture
def signed(report):
    case = CaseDecision("rejected", "shift", "again, with a mask", "Ana Łuczak", NOW)
    slices = (judged(7, reviewer="B"), judged(reason="shift", comment='"5 mm", left;\nright'))
    return Decisions(slices).signed(case, report)


def test_a_later_decision_replaces_the_earlier_one_on_the_same_slice():
    decisions = Decisions().with_slices([judged(3), judged(4)])
    decisions = decisions.with_slices([judged(3, decision="accepted")])
    assert [(one.index, one.decision) for one in decisions.slices] == [
        (3, "accepted"),
        (4, "rejected"),
    ]


def test_slices_stand_in_order_of_plane_and_index():
    mixed = [judged(9), judged(2), judged(5, "sagittal"), judged(1, "coronal")]
    places = [one.place for one in Decisions(tuple(mixed)).slices]
    assert places == [("sagittal", 5), ("coronal", 1), ("axial", 2), ("axial", 9)]


def test_decisions_can_be_taken_back():
    decisions = Decisions().with_slices([judged(3), judged(3, "coronal")])
    assert decisions.without_slices([("axial", 3)]).slices == (judged(3, "coronal"),)


@pytest.mark.parametrize("make", [lambda: judged(plane="oblique"), lambda: judged(decision="ok"),
                                  lambda: CaseDecision("maybe")])  # fmt: skip
def test_unknown_words_are_refused(make):
    with pytest.raises(ValueError, match="one of"):
        make()


def test_files_come_back_the_same_and_fit_the_schema(tmp_path, signed):
    save_decisions(signed, tmp_path / "decisions.json")
    assert load_decisions(tmp_path / "decisions.json") == signed
    content = json.loads((tmp_path / "decisions.json").read_text(encoding="utf-8"))
    validate(content, DECISIONS)
    content["slices"][0]["plane"] = "oblique"
    with pytest.raises(InputError, match="plane"):
        validate(content, DECISIONS)


def test_undecided_fits_the_schema_too():
    validate(Decisions().to_dict(), DECISIONS)


def test_signing_needs_a_name(report):
    with pytest.raises(InputError, match="reviewer's name"):
        Decisions().signed(CaseDecision("accepted", reviewer="  "), report)


def test_a_seal_holds_after_the_report_went_through_a_file(signed, report):
    assert signed.signature(json.loads(json.dumps(report, indent=3))) == "valid"


def test_a_seal_breaks_with_any_change_of_the_decisions(signed, report):
    changes = [
        signed.with_slices([judged(8)]),
        signed.without_slices([("axial", 3)]),
        dataclasses.replace(signed, case=dataclasses.replace(signed.case, decision="accepted")),
        dataclasses.replace(signed, case=dataclasses.replace(signed.case, comment="")),
    ]
    assert signed.signature(report) == "valid"
    assert {changed.signature(report) for changed in changes} == {"changed"}


def test_a_seal_breaks_with_another_check(signed, report):
    assert signed.signature({**report, "verdict": "aligned"}) == "changed"
    assert signed.signature(None) == "changed"


def test_without_seal_nothing_is_signed(report):
    assert Decisions().signature(report) == "unsigned"
    assert Decisions(case=CaseDecision("accepted", reviewer="A")).signature(report) == "unsigned"


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "null", '{"schema_version": "1.0", "case": null, "slices": [{}]}',
     '{"schema_version": "1.0", "case": {"decision": "maybe"}, "slices": []}'],
)  # fmt: skip
def test_damaged_files_are_named(tmp_path, text):
    file = tmp_path / "decisions.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"decisions\.json"):
        load_decisions(file)


def test_other_versions_and_missing_files_are_named(tmp_path):
    with pytest.raises(InputError, match=r"version 7\.1"):
        Decisions.from_json('{"schema_version": "7.1"}')
    with pytest.raises(InputError, match="no such file"):
        load_decisions(tmp_path / "gone.json")


def test_what_json_cannot_hold_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        Decisions((SliceDecision("axial", 1, math.nan, "accepted"),)).to_json()


def test_times_read_well():
    assert time_text(NOW) == "2026-03-04 05:06 UTC"
    assert time_text("yesterday") == "yesterday"
    assert time_text(utc_now()).endswith("UTC")
