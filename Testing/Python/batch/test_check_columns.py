"""What the tables and thumbnails say of a check."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from report.support import make_report

from RegQCLib.batch.check_columns import check_columns, flagged_text
from RegQCLib.batch.thumbnail import PIXELS, thumbnail
from RegQCLib.report.colors import EDGE


@pytest.mark.parametrize(("slices", "text"), [
    ({"axial": [12, 3, 4, 5], "coronal": [40]}, "axial 3-5 12; coronal 40"),
    ({"axial": [], "coronal": [1, 2]}, "coronal 1-2"),
    ({}, ""),
])  # fmt: skip
def test_flagged_slices_are_named_briefly(slices, text):
    assert flagged_text(slices) == text


def test_columns_are_those_of_the_report():
    report = make_report()
    columns, content = check_columns(report), report.to_dict()
    assert columns["verdict"] == content["verdict"]
    assert columns["probability_misaligned"] == content["probability_misaligned"]
    assert columns["error_mean_mm"] == content["error_mm"]["mean"]
    assert columns["error_high_mm"] == content["error_mm"]["interval"][1]
    flagged = [s for axis in content["axes"] for s in axis["slices"] if s["flagged"]]
    assert columns["flagged_slices"] == len(flagged) > 0


def test_the_thumbnail_is_small_and_shows_edges(tmp_path):
    (tmp_path / "t.png").write_bytes(thumbnail(make_report()))
    image = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "t.png")))
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert max(image.shape) <= PIXELS
    yellow = (image == EDGE).all(axis=2)
    gray = (image[..., 0] == image[..., 2]) & (image[..., 0] == image[..., 1])
    assert yellow.any()
    assert gray[~yellow].all()
    assert np.unique(image[gray]).size > 4


def test_a_thumbnail_without_measured_slices():
    report = make_report()
    report.axes = []
    assert thumbnail(report).startswith(b"\x89PNG")
