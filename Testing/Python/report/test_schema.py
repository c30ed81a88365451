"""The schema takes what the library writes and nothing else."""

from __future__ import annotations

import copy
import sys

import jsonschema
import pytest
from report.support import cannot_tell, make_report

from RegQCLib.errors import InputError, MissingDependencyError
from RegQCLib.qc.alignment_report import SCHEMA_VERSION, ErrorEstimate
from RegQCLib.qc.tg132 import tg132_table
from RegQCLib.report.schema import schema, validate

FIELD = {"kind": "rigid", "jacobian_min": 1.0, "plausible": True, "reasons": ["constant"]}


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(schema())
    assert schema()["properties"]["schema_version"]["const"] == SCHEMA_VERSION


@pytest.mark.parametrize(
    "report",
    [
        make_report(),
        make_report(verdict="aligned", probability_misaligned=0.0, axes=[], tolerance_mm=None),
        make_report(field=FIELD, similarity={"nmi": float("nan")}),
        make_report(tg132=tg132_table(make_report().fixed.grid, FIELD, landmarks_tre=[1.0])),
        make_report(error_mm=ErrorEstimate(float("nan"), 1.0, (0.0, 2.0))),
        cannot_tell(),
    ],
)
def test_reports_fit(report):
    validate(report.to_dict())


def broken(*path, value=None, delete=False):
    """A report with one place changed."""
    content = copy.deepcopy(make_report().to_dict())
    place = content
    for key in path[:-1]:
        place = place[key]
    if delete:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return content


@pytest.mark.parametrize("name", list(make_report().to_dict()))
def test_every_part_is_required(name):
    with pytest.raises(InputError, match=f"'{name}' is a required property"):
        validate(broken(name, delete=True))


@pytest.mark.parametrize(
    "content",
    [
        broken("schema_version", value="0.9"),
        broken("verdict", value="good"),
        broken("verdict", value="cannot_tell"),  # but with a probability
        broken("probability_misaligned", value=None),  # but misaligned
        broken("probability_misaligned", value=1.2),
        broken("error_mm", "mean", value=-1),
        broken("error_mm", "interval", value=[1.0]),
        broken("error_mm", "p95", delete=True),
        broken("tolerance_mm", value=0),
        broken("axes", 0, "name", value="transversal"),
        broken("axes", 0, "slices", 0, "index", value=-1),
        broken("axes", 0, "slices", 0, "index", value=1.5),
        broken("axes", 0, "slices", 0, "flagged", value=None),
        broken("axes", 0, "slices", 0, "score", value=1),
        broken("tg132", 0, "status", value="ok"),
        broken("similarity", "role", delete=True),
        broken("timing_s", "slices", value=-1),
        broken("comment", value="x"),
    ],
)
def test_broken_reports_are_refused(content):
    with pytest.raises(InputError, match="does not fit its schema at"):
        validate(content)


def test_without_jsonschema_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    with pytest.raises(MissingDependencyError, match="pip install jsonschema"):
        validate({})
