"""The signed report: its files agree with each other, and with what was decided."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from report.support import cannot_tell, make_report

from RegQCLib.errors import InputError
from RegQCLib.report.case_csv import COLUMNS, case_row
from RegQCLib.report.decisions import CaseDecision, Decisions, SliceDecision
from RegQCLib.report.html import render as checked
from RegQCLib.report.review import Review
from RegQCLib.report.review_page import render

NOW = "2026-03-04T05:06:07Z"
HOSTILE = "<script>alert('x')</script>"


def review(report, *slices, case=None, name="case 7"):
    content = report.to_dict()
    decisions = Decisions(tuple(slices))
    if case is not None:
        decisions = decisions.signed(case, content)
    return Review(report, content, decisions, name)


def slice_of(report, plane, index, decision, **words):
    axis = next(axis for axis in report.axes if axis.name == plane)
    return SliceDecision(plane, index, axis.slices[index].position_mm, decision, time=NOW, **words)


@pytest.fixture(scope="module")
def signed():
    report = make_report()
    return review(
        report,
        slice_of(report, "axial", 6, "rejected", reason="Shift", comment=HOSTILE, reviewer="Dr A"),
        slice_of(report, "coronal", 9, "accepted", reason="False alarm", reviewer="Dr A"),
        case=CaseDecision("accepted", "Within tolerance", "fine, says 脑", "Dr A", NOW),
    )


@pytest.fixture(scope="module")
def folder(signed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("review")
    signed.save(folder)
    return folder


class Text(HTMLParser):
    """Collects words, pictures, and tags that are no markup of ours."""

    def __init__(self, page):
        super().__init__()
        self.words, self.images, self.scripts = [], [], 0
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.scripts += tag == "script"
        self.images += [value for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


def table(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("name", ["report.html", "print.html"])
def test_pages_say_who_decided_what_first(folder, signed, name):
    page = Text((folder / name).read_text(encoding="utf-8"))
    found = [page.text.index(words) for words in (
        "Reader's decision: accepted, signed",
        "The reader accepted what the check calls misaligned.",
        "Within tolerance", "fine, says 脑", "Dr A", "2026-03-04 05:06 UTC",
        signed.decisions.case.seal, "What the check found",
        "1 accepted, 1 rejected, 1 flagged ones not decided on".capitalize()
        if name == "print.html" else "1 accepted, 1 rejected, 1 flagged ones not decided on",
    )]  # fmt: skip
    assert found == sorted(found)


@pytest.mark.parametrize("name", ["report.html", "print.html"])
def test_pages_are_self_contained_and_safe(folder, name):
    page = Text((folder / name).read_text(encoding="utf-8"))
    assert page.scripts == 0
    assert HOSTILE in page.text
    pictures = [value for value in page.images if not value.startswith("#")]
    assert len(pictures) > 8
    for value in pictures:
        start = "data:image/png;base64,"
        assert value.startswith(start)
        assert base64.b64decode(value[len(start) :]).startswith(b"\x89PNG")


def test_the_page_pictures_rejected_slices_alone(signed):
    accepted = Review(
        signed.report,
        signed.content,
        Decisions(tuple(s for s in signed.decisions.slices if s.decision == "accepted")),
    )
    rows = [page.count('class="row"') for page in map(render, (signed, accepted))]
    assert rows[0] == rows[1] + 1
    assert rows[1] == checked(signed.report).count('class="row"')


def test_tables_hold_the_scores_and_the_decisions(folder, signed):
    rows = table((folder / "slices.csv").read_text(encoding="utf-8"))
    assert len(rows) == sum(len(axis.slices) for axis in signed.report.axes)
    decided = {(r["plane"], int(r["index"])): r for r in rows if r["decision"]}
    assert set(decided) == {("axial", 6), ("coronal", 9)}
    row = decided["axial", 6]
    assert (row["decision"], row["comment"], row["reviewer"]) == ("rejected", HOSTILE, "Dr A")
    score = next(a for a in signed.report.axes if a.name == "axial").slices[6]
    assert float(row["error_mm"]) == score.error_mm

    (case,) = table((folder / "case.csv").read_text(encoding="utf-8"))
    assert tuple(case) == COLUMNS
    assert (case["id"], case["decision"], case["signature"]) == ("case 7", "accepted", "signed")
    assert float(case["error_mean_mm"]) == signed.report.error_mm.mean
    assert (case["slices_flagged"], case["slices_accepted"], case["slices_rejected"]) == (
        "3", "1", "1")  # fmt: skip


def test_json_files_let_others_verify_the_seal(folder):
    decisions = Decisions.from_json((folder / "decisions.json").read_text(encoding="utf-8"))
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert decisions.signature(report) == "valid"
    report["error_mm"]["mean"] += 1e-9
    assert decisions.signature(report) == "changed"


def test_only_the_wanted_formats_are_written(signed, tmp_path):
    signed.save(tmp_path / "a", ("csv",))
    assert {file.name for file in (tmp_path / "a").iterdir()} == {"slices.csv", "case.csv"}
    with pytest.raises(InputError, match="one of html, print, json, csv, got 'docx'"):
        signed.save(tmp_path / "b", ("docx",))
    assert not (tmp_path / "b").exists()


def test_undecided_pairs_say_so():
    plain = review(make_report(), name="")
    page = Text(render(plain)).text
    assert "Reader's decision: undecided, not signed" in page
    assert "No single slice was decided on." in page
    assert plain.note == ""


def test_what_was_changed_after_signing_is_not_called_signed(signed):
    later = signed.decisions.with_slices([SliceDecision("axial", 2, 1.0, "rejected", time=NOW)])
    changed = Review(signed.report, signed.content, later)
    assert changed.heading == (
        "Reader's decision: accepted, changed since it was signed; sign again"
    )
    assert "Seal" not in str(changed.case_facts)


def test_a_pair_that_could_not_be_judged_can_still_be_signed(tmp_path):
    report = cannot_tell()
    done = review(report, case=CaseDecision("rejected", "No overlap", "", "Dr A", NOW))
    done.save(tmp_path)
    assert done.note == ""
    (case,) = table((tmp_path / "case.csv").read_text(encoding="utf-8"))
    assert case["verdict"] == "cannot tell"
    assert case["error_mean_mm"] == case["probability_misaligned"] == ""
    assert "estimated error" not in Text((tmp_path / "print.html").read_text()).text.lower()


def test_a_case_without_check_or_decision_has_a_row():
    row = case_row("x", None, Decisions())
    assert row == {**dict.fromkeys(COLUMNS), "id": "x", "slices_accepted": 0, "slices_rejected": 0}


def test_long_lists_of_rejected_slices_end_in_a_count():
    report = make_report()
    many = [slice_of(report, "coronal", index, "rejected") for index in range(2, 12)]
    assert "4 more rejected slices are in the table only." in render(review(report, *many))


def test_numbers_of_numpy_do_not_enter_the_files(signed):
    assert not any(isinstance(value, np.generic) for value in signed.case_row().values())
