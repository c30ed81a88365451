"""Decisions of the review page: damaged files are named, later words count, nothing is lost."""

from __future__ import annotations

import json
import re

import pytest
from report.support import make_report

from RegQCLib.batch.reviews import (
    CaseReview,
    case_folder,
    decision_columns,
    import_reviews,
    latest,
    read_reviews,
    save_reviews,
)
from RegQCLib.errors import InputError
from RegQCLib.report.decisions import CaseDecision, Decisions, SliceDecision

EARLY, LATE, LATEST = (f"2026-03-0{day}T10:00:00Z" for day in (1, 2, 3))
ROW = {"id": "one", "verdict": "misaligned", "error_mean_mm": 3.2}
ABOUT = {"verdict": "misaligned", "error_mean_mm": 3.2}
SLICE = SliceDecision("axial", 3, 1.5, "rejected", reviewer="S")


def review(decision="accepted", time=LATE, about=ABOUT, **words):
    return CaseReview(decision, time=time, about=about, **{"reviewer": "R. Eader", **words})


def written(path, **reviews):
    save_reviews(reviews, path)
    return path


@pytest.fixture
def run(tmp_path):
    """A run with one checked case, as Slicer's worklist and `regqc batch` keep it."""
    folder = tmp_path / "run"
    case_folder(folder, "one").save(
        {"inputs": {"fixed": "1"}}, make_report().to_dict(), Decisions()
    )
    return folder


def test_a_file_comes_back_as_it_was_saved(tmp_path):
    reviews = {"one": review(reason="Ünsharp"), "two": review("rejected", EARLY, {})}
    assert read_reviews(written(tmp_path / "a.json", **reviews)) == reviews


GOOD = {"decision": "accepted", "reason": "", "reviewer": "R", "time": LATE, "about": {}}


@pytest.mark.parametrize(("content", "words"), [
    ("", "no JSON, or cut off"),
    ('{"format": "regqc-reviews", "cases"', "no JSON, or cut off"),
    ("[" * 100_000, "no JSON, or cut off"),
    ("[]", "holds no decisions of RegQC's review page"),
    ({"format": "other"}, "holds no decisions of RegQC's review page"),
    ({"schema_version": "2.0"}, "has version 2.0, this RegQC reads 1.0; update RegQC"),
    ({"cases": []}, "its cases are no object"),
    ({"cases": {"x": 5}}, "case 'x'.*other entries"),
    ({"cases": {"x": {**GOOD, "colour": 1}}}, "case 'x'.*other entries"),
    ({"cases": {"x": {**GOOD, "decision": "maybe"}}}, "case 'x'.*'maybe', not accepted or rej"),
    ({"cases": {"x": {**GOOD, "time": "yesterday"}}}, "case 'x'.*'yesterday', not like"),
    ({"cases": {"x": {**GOOD, "reason": None}}}, "case 'x'.*reason is no text"),
    ({"cases": {"x": {**GOOD, "about": 3}}}, "case 'x'.*about is no object"),
])  # fmt: skip
def test_damaged_files_are_refused_in_one_line(tmp_path, content, words):
    file = tmp_path / "saved.json"
    if isinstance(content, dict):
        whole = {"format": "regqc-reviews", "schema_version": "1.0", "cases": {}}
        content = json.dumps({**whole, **content})
    file.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_reviews(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    assert re.search(words, message)
    assert "\n" not in message


def test_a_file_that_is_missing_or_binary_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_reviews(tmp_path / "gone.json")
    (tmp_path / "x.png").write_bytes(b"\x89PNG\xff")
    with pytest.raises(InputError, match="no JSON"):
        read_reviews(tmp_path / "x.png")


def test_of_two_reviews_the_later_one_counts_in_any_order():
    early, late = {"a": review("rejected", EARLY)}, {"a": review(time=LATE), "b": review()}
    assert latest(early, late) == latest(late, early) == late


def test_a_decision_lands_in_the_folder_that_slicer_reads(run, tmp_path):
    file = written(tmp_path / "a.json", one=review("rejected", reason="Shift"))
    imported = import_reviews(file, run, [ROW])
    assert imported.taken == ("one",)
    assert imported.summary() == "1 decision taken over"
    folder = case_folder(run, "one")
    case = folder.decisions().case
    assert (case.decision, case.reason, case.reviewer, case.time, case.seal) == (
        "rejected", "Shift", "R. Eader", LATE, "")  # fmt: skip
    assert {k: folder.row()[k] for k in ("decision", "reason", "verdict", "signature")} == {
        "decision": "rejected", "reason": "Shift", "verdict": "misaligned",
        "signature": "not signed"}  # fmt: skip
    assert folder.state()["key"] == {"inputs": {"fixed": "1"}}
    assert decision_columns(folder.decisions()) == {
        "decision": "rejected", "decision_reason": "Shift", "reviewer": "R. Eader",
        "decision_time": LATE}  # fmt: skip


def test_decisions_on_slices_stay(run, tmp_path):
    folder = case_folder(run, "one")
    folder.save({}, None, Decisions((SLICE,)))
    import_reviews(written(tmp_path / "a.json", one=review()), run, [ROW])
    assert folder.decisions().slices == (SLICE,)
    assert folder.row()["slices_rejected"] == 1


@pytest.mark.parametrize(("time", "decision"), [(EARLY, "accepted"), (LATEST, "rejected")])
def test_the_later_of_page_and_slicer_counts(run, tmp_path, time, decision):
    folder, report = case_folder(run, "one"), make_report().to_dict()
    signed = Decisions().signed(CaseDecision("rejected", reviewer="S", time=time), report)
    folder.save({}, report, signed)
    imported = import_reviews(written(tmp_path / "a.json", one=review(time=LATE)), run, [ROW])
    assert folder.decisions().case.decision == decision
    assert (imported.kept == ("one",)) == (decision == "rejected")
    if decision == "rejected":
        assert folder.decisions().signature(report) == "valid"


def test_a_case_that_is_open_in_slicer_keeps_what_is_imported_meanwhile(run, tmp_path, caplog):
    report = make_report().to_dict()
    assert case_folder(run, "one").decisions() == Decisions()  # Slicer opens it
    assert import_reviews(written(tmp_path / "a.json", one=review()), run, [ROW]).taken == ("one",)
    for _leaving_and_saving in range(2):
        case_folder(run, "one").save({}, report, Decisions((SLICE,)))
        assert case_folder(run, "one").decided().case.reviewer == "R. Eader"
        assert case_folder(run, "one").decided().slices == (SLICE,)
        assert case_folder(run, "one").row()["decision"] == "accepted"
    assert "one: accepted by R. Eader, 2026-03-02 10:00 UTC, is newer" in caplog.text
    later = CaseDecision("rejected", reviewer="S", time=LATEST)
    case_folder(run, "one").save({}, report, Decisions(case=later))
    imported = import_reviews(tmp_path / "a.json", run, [ROW])
    assert case_folder(run, "one").decided().case == later
    assert imported.summary() == (
        "0 decisions taken over; 1 older than what was decided since, which stays (one)"
    )


def test_what_was_taken_back_in_slicer_does_not_return_with_an_older_review(run, tmp_path):
    file = written(tmp_path / "a.json", one=review())
    import_reviews(file, run, [ROW])
    folder = case_folder(run, "one")
    opened = folder.decisions()
    folder.save({}, None, opened)
    assert folder.decided().case == opened.case
    for _time in range(2):
        folder.save({}, None, Decisions())
        assert import_reviews(file, run, [ROW]).kept == ("one",)
        assert folder.decided() == Decisions()
    new = written(tmp_path / "b.json", one=review("rejected", time="2999-01-01T00:00:00Z"))
    assert import_reviews(new, run, [ROW]).taken == ("one",)
    assert folder.row()["decision"] == "rejected"
    assert "withdrawn" not in folder.state()


def test_the_same_word_again_keeps_a_signature(run, tmp_path):
    folder, report = case_folder(run, "one"), make_report().to_dict()
    words = {"reviewer": "R. Eader", "time": EARLY}
    folder.save({}, report, Decisions().signed(CaseDecision("accepted", **words), report))
    imported = import_reviews(written(tmp_path / "a.json", one=review(time=LATE)), run, [ROW])
    assert imported.known == ("one",)
    assert imported.summary() == "0 decisions taken over; 1 known already"
    assert folder.decisions().signature(report) == "valid"


def test_what_was_taken_back_does_not_return_with_an_older_file(run, tmp_path):
    old = written(tmp_path / "old.json", one=review(time=EARLY))
    new = written(tmp_path / "new.json", one=review("", time=LATE))
    folder = case_folder(run, "one")
    for file, expected in ((old, "accepted"), (new, None), (old, None)):
        import_reviews(file, run, [ROW])
        assert folder.row()["decision"] == expected
        assert (folder.decisions().case is None) == (expected is None)


def test_decisions_about_another_result_or_case_do_not_count(run, tmp_path):
    file = written(
        tmp_path / "a.json",
        one=review(about={"verdict": "aligned", "error_mean_mm": 0.4}),
        other=review(),
    )
    imported = import_reviews(file, run, [ROW])
    assert (imported.taken, imported.outdated, imported.unknown) == ((), ("one",), ("other",))
    assert case_folder(run, "one").decisions() == Decisions()
    assert not case_folder(run, "other").path.exists()
    assert imported.summary() == (
        "0 decisions taken over; 1 about a result that has changed since (one); 1 about no case "
        "of this run (other)"
    )


def test_a_case_without_a_result_can_be_decided(run, tmp_path):
    failed = {"id": "bad", "verdict": None, "error_mean_mm": None}
    case_folder(run, "bad").path.mkdir()
    file = written(tmp_path / "a.json", bad=review("rejected", about={"verdict": None}))
    assert import_reviews(file, run, [ROW, failed]).taken == ("bad",)
    folder = case_folder(run, "bad")
    assert folder.decisions().case.decision == "rejected"
    assert folder.state() == {}  # made up inputs would make Slicer put the folder aside


@pytest.mark.parametrize("name", ["../outside", "two (line 3)"])
def test_rows_without_a_folder_of_their_own_are_left_alone(run, tmp_path, name):
    (tmp_path / "run" / "outside").mkdir()
    file = written(tmp_path / "a.json", **{name: review(about={})})
    assert import_reviews(file, run, [{"id": name}]).unknown == (name,)
    assert not list((tmp_path / "run" / "outside").iterdir())
    assert not (run / "cases" / name / "decisions.json").exists()


def test_a_damaged_file_changes_nothing(run, tmp_path):
    before = {file: file.read_bytes() for file in run.rglob("*.json")}
    file = tmp_path / "a.json"
    file.write_text(written(file, one=review()).read_text()[:-20])
    with pytest.raises(InputError, match="cut off"):
        import_reviews(file, run, [ROW])
    assert {file: file.read_bytes() for file in run.rglob("*.json")} == before
