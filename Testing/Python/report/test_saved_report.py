"""A report that was saved is the same report when it is read again."""

from __future__ import annotations

import json

import numpy as np
import pytest
from report.support import cannot_tell, make_report

from RegQCLib.errors import InputError
from RegQCLib.geometry.volume import Volume
from RegQCLib.qc.check import image_identity
from RegQCLib.report.saved_report import (
    read_error_map,
    read_report,
    require_same_images,
    saved_report,
)


@pytest.mark.parametrize("make", [make_report, cannot_tell])
def test_a_saved_report_comes_back(tmp_path, make):
    report = make()
    report.save(tmp_path)
    content = read_report(tmp_path)
    error_map = read_error_map(tmp_path)
    again = saved_report(content, report.fixed, report.moved, error_map=error_map)
    assert again.to_dict() == report.to_dict() == content
    assert again.summary() == report.summary()
    if report.error_map is None:
        assert error_map is None
    else:
        np.testing.assert_allclose(error_map.array, report.error_map.array)


def test_missing_and_damaged_reports_are_named(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_report(tmp_path)
    for text in ("{", "[]", '{"schema_version": "1.0", "kind": "rigid"}', '{"schema_version": 2}'):
        (tmp_path / "report.json").write_text(text)
        with pytest.raises(InputError, match=r"report\.json.*check"):
            read_report(tmp_path)


def test_content_of_another_kind_is_refused():
    report = make_report()
    content = report.to_dict()
    for broken in (
        {**content, "axes": [{}]},
        {**content, "verdict": "fine"},
        {"verdict": "aligned"},
    ):
        with pytest.raises(InputError, match="damaged"):
            saved_report(broken, report.fixed, report.moved)


def test_a_report_about_another_image_is_refused():
    report = make_report()
    content = json.loads(report.to_json())
    small = Volume(report.fixed.array[:5], report.fixed.affine, "small.nii.gz")
    with pytest.raises(InputError, match=r"small\.nii\.gz: has 5 axial slices"):
        saved_report(content, small, small)


def test_a_report_goes_with_the_images_that_were_checked_alone():
    fixed, moving = make_report().fixed, make_report().moved
    content = {
        "provenance": {"inputs": {"fixed": image_identity(fixed), "moving": image_identity(moving)}}
    }
    require_same_images(content, fixed, Volume(moving.array.copy(), moving.affine, "copy"))
    other = moving.with_array(moving.array + 1, name="other.nii.gz")
    with pytest.raises(InputError, match=r"other\.nii\.gz: is not the moving image"):
        require_same_images(content, fixed, other)
