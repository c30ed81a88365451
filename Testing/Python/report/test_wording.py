"""Numbers are worded with units, and what is missing is said."""

from __future__ import annotations

import pytest

from RegQCLib.report.wording import label, number, rows


def test_nested_facts_become_rows():
    facts = {
        "mean_displacement_mm": 1.23456,
        "rotation_p95_deg": 3,
        "folded_fraction": 0.0125,
        "inverse": None,
        "plausible": False,
        "model": {"file": "m.xml", "sizes": [1, 2]},
        "files": [{"path": "a"}, {"path": "b"}],
        "reasons": [],
    }
    assert list(rows(facts)) == [
        ("mean displacement", "1.235 mm"),
        ("rotation p95", "3 °"),
        ("folded fraction", "1.25%"),
        ("inverse", "not measured"),
        ("plausible", "no"),
        ("model: file", "m.xml"),
        ("model: sizes", "1, 2"),
        ("files 1: path", "a"),
        ("files 2: path", "b"),
        ("reasons", "none"),
    ]


def test_an_option_that_was_not_given_is_none():
    assert list(rows({"options": {"mask": None}}, missing="none")) == [("options: mask", "none")]


@pytest.mark.parametrize(
    ("value", "text"), [(None, "not measured"), (1.26, "1.3 mm"), (0.0, "0.0 mm")]
)
def test_a_number_is_never_blank(value, text):
    assert number(value, unit="mm") == text


def test_labels_are_words():
    assert label("inverse_consistency_mm") == "inverse consistency"
