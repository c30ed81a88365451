from __future__ import annotations

import json

import numpy as np
import pytest

from RegQCLib.errors import InputError
from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.slices_flagged import flagged_slices

STACK = Volume(np.zeros((6, 12, 12)), np.diag([1, 1, 4, 1.0]), "stack")  # axial, at 0 to 20 mm


def report(path, plane, flagged, step=2.0, count=12):
    """A report of a check whose fixed image has other slices than the stack."""
    slices = [{"index": n, "position_mm": n * step, "flagged": n in flagged} for n in range(count)]
    path.write_text(json.dumps({"axes": [{"name": plane, "slices": slices}]}), encoding="utf-8")
    return path


def test_flagged_positions_name_slices_of_the_stack(tmp_path):
    file = report(tmp_path / "report.json", "axial", {4, 9})  # at 8 and 18 mm
    assert flagged_slices(file, STACK) == [2, 4]


def test_positions_beyond_the_stack_name_none(tmp_path):
    file = report(tmp_path / "report.json", "axial", {0, 11}, step=10.0)
    assert flagged_slices(file, STACK) == [0]


def test_a_report_without_the_stacks_plane_is_refused(tmp_path):
    file = report(tmp_path / "report.json", "sagittal", {1})
    with pytest.raises(InputError, match="no scores of axial"):
        flagged_slices(file, STACK)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"axes": [{"name": "axial", "slices": [{}]}]}'])
def test_other_files_are_refused(tmp_path, text):
    file = tmp_path / "report.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"no report\.json of regqc check"):
        flagged_slices(file, STACK)


def test_a_missing_report_is_named(tmp_path):
    with pytest.raises(InputError, match=r"missing\.json: cannot be read"):
        flagged_slices(tmp_path / "missing.json", STACK)
