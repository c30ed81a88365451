"""AlignmentReport: what it writes, what it says, what it refuses."""

from __future__ import annotations

import json
import math
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from report.support import AFFINE, ball, cannot_tell, make_report, scores

from RegQCLib.errors import InputError
from RegQCLib.qc.alignment_report import (
    AxisScores,
    ErrorEstimate,
    SliceScore,
    plain,
    probability_text,
    worst_slice,
)

NAMES = {"report.json", "report.html", "slices.csv", "error_map.nii.gz"}


def test_json_has_the_names_of_the_design():
    content = json.loads(make_report().to_json())
    assert {
        *("schema_version", "verdict", "reason", "probability_misaligned", "error_mm", "axes"),
        *("overlap", "field", "tg132", "timing_s", "provenance"),
    } <= set(content)
    assert content["error_mm"] == {"mean": 3.2, "p95": 5.1, "interval": [2.6, 3.9]}
    assert [axis["name"] for axis in content["axes"]] == ["sagittal", "coronal", "axial"]
    assert [axis["is_acquisition"] for axis in content["axes"]] == [False, False, True]
    first, flagged = content["axes"][2]["slices"][0], content["axes"][2]["slices"][6]
    assert first == {
        "index": 0,
        "position_mm": -30.0,
        "probability_misaligned": None,
        "error_mm": None,
        "flagged": False,
    }
    assert flagged["flagged"] is True
    assert flagged["error_mm"] == pytest.approx(3.56)
    assert "not used for the verdict" in content["similarity"]["role"]


@pytest.mark.parametrize("odd", [math.nan, math.inf, np.float32("nan"), np.float64("-inf")])
def test_numbers_that_are_not_finite_become_null(odd):
    report = make_report(similarity={"nmi": odd}, error_mm=ErrorEstimate(odd, 1.0, (0.0, odd)))
    content = json.loads(report.to_json(), parse_constant=pytest.fail)
    assert content["similarity"]["measures"] == {"nmi": None}
    assert content["error_mm"] == {"mean": None, "p95": 1.0, "interval": [0.0, None]}


def test_plain_turns_numpy_into_python():
    value = {
        1: np.float32(0.5),
        "count": np.int64(3),
        "yes": np.bool_(True),
        "list": (np.array([1.0, np.nan]), Path("a") / "b"),
    }
    result = plain(value)
    assert result == {"1": 0.5, "count": 3, "yes": True, "list": [[1.0, None], str(Path("a/b"))]}
    assert [type(result[k]) for k in ("1", "count", "yes")] == [float, int, bool]


def test_plain_refuses_what_json_cannot_hold():
    with pytest.raises(TypeError, match="complex"):
        plain({"x": 1j})


def test_save_writes_four_files(tmp_path):
    folder = tmp_path / "deep" / "report"
    report = make_report()
    report.save(folder)
    assert {p.name for p in folder.iterdir()} == NAMES
    assert json.loads((folder / "report.json").read_text("utf-8")) == report.to_dict()
    written = nib.load(folder / "error_map.nii.gz")
    np.testing.assert_allclose(written.affine, AFFINE)
    np.testing.assert_array_equal(written.get_fdata().transpose(2, 1, 0), report.error_map.array)


def test_saving_again_leaves_no_error_map_of_the_earlier_report(tmp_path):
    make_report().save(tmp_path)
    cannot_tell().save(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == NAMES - {"error_map.nii.gz"}
    assert json.loads((tmp_path / "report.json").read_text("utf-8"))["verdict"] == "cannot_tell"


def test_save_names_the_folder_it_cannot_write(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file: cannot write the report"):
        make_report().save(tmp_path / "file")


def test_summary_of_a_misaligned_pair():
    # 30 + 26 + 12 slices, two of each plane empty
    assert make_report().summary() == (
        "misaligned (P(misaligned) = 0.97): estimated error 3.2 mm mean [2.6, 3.9], "
        "5.1 mm 95th percentile; 3 of 62 slices flagged; worst coronal slice 20"
    )


def test_summary_of_an_aligned_pair_names_no_worst_slice():
    aligned = make_report(verdict="aligned", probability_misaligned=0.004, axes=[])
    assert "aligned (P(misaligned) < 0.01)" in aligned.summary()
    assert "worst" not in aligned.summary()


def test_summary_does_not_trust_images_under_an_implausible_transform():
    folded = make_report(field={"plausible": False, "reasons": ["it folds"]})
    assert (
        "the transform is not plausible; by the images alone, estimated error 3.2 mm"
        in folded.summary()
    )
    assert "by the images alone" not in make_report(field={"plausible": True}).summary()


def test_summary_is_one_line_also_when_it_cannot_tell():
    assert cannot_tell(reason="no\noverlap").summary() == "cannot tell: no overlap"


@pytest.mark.parametrize(
    ("probability", "text"), [(0.5, "= 0.50"), (1.0, "> 0.99"), (0.999, "> 0.99"), (0.0, "< 0.01")]
)
def test_probability_is_never_worded_as_certain(probability, text):
    assert probability_text(probability) == text


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "fine"},
        {"verdict": "cannot_tell"},  # keeps its probability
        {"probability_misaligned": None},  # keeps its verdict
    ],
)
def test_contradictions_are_refused(changes):
    with pytest.raises(ValueError, match="verdict"):
        make_report(**changes)


def test_a_plane_has_one_of_three_names():
    with pytest.raises(ValueError, match="transversal"):
        AxisScores("transversal", False, [])


def test_scores_that_are_not_finite_count_as_not_measured():
    one = SliceScore(3, 1.0, float("nan"), float("inf"), False)
    assert (one.probability_misaligned, one.error_mm, one.measured) == (None, None, False)


def test_worst_slice_is_the_flagged_one_with_the_largest_error():
    axes = [scores(ball(), "axial", flagged=(3, 5)), scores(ball(), "coronal")]
    axes[1].slices[4] = SliceScore(4, 0.0, 0.9, 99.0, False)  # large, but not flagged
    axis, one = worst_slice(axes)
    assert (axis.name, one.index) == ("axial", 5)
    assert worst_slice([]) is None


def test_a_notebook_shows_the_page_in_a_frame_without_scripts():
    shown = make_report()._repr_html_()
    assert "<iframe" in shown
    assert "sandbox" in shown
    assert "<style" not in shown  # escaped inside the frame: the notebook keeps its own styles
