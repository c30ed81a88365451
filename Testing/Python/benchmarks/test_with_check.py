"""RegQC's column of the benchmark, with a check that knows the truth in place of the real one."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from RegQCLib.geometry.transforms import Affine
from RegQCLib.qc.alignment_report import AlignmentReport, AxisScores, ErrorEstimate, SliceScore
from Testing.Benchmarks.detection import error_map
from Testing.Benchmarks.detection.methods import UNDECIDED, RegQCMethod
from Testing.Benchmarks.detection.moves import displacement_mm
from Testing.Benchmarks.detection.speed import phantom_pair

LIMIT_MM = 1.0


def oracle(fixed, moving, transform=None, **_):
    """A report whose error is the displacement of the transform it was given."""
    points = fixed.grid.points()
    error = displacement_mm(transform or Affine.identity(), points)
    mean = float(error.mean())
    probability = min(mean / (2 * LIMIT_MM), 1.0)
    slices = [SliceScore(0, -1.0, None, None, False), SliceScore(1, 0.0, 0.75, 2.5, True)]
    return AlignmentReport(
        verdict="misaligned" if mean > LIMIT_MM else "aligned",
        reason="known",
        probability_misaligned=probability,
        error_mm=ErrorEstimate(mean, float(np.percentile(error, 95)), (0.0, 9.0)),
        axes=[AxisScores("coronal", True, slices)],
        overlap={},
        field={"plausible": True, "folded_fraction": 0.0},
        tg132=[],
        similarity={},
        timing_s={"network": 0.25},
        provenance={},
        fixed=fixed,
        moved=moving,
        error_map=fixed.with_array(error),
    )


def undecided(fixed, moving, transform=None, **_):
    report = oracle(fixed, moving, transform)
    report.verdict, report.probability_misaligned, report.error_mm = "cannot_tell", None, None
    return report


@pytest.fixture
def use(monkeypatch):
    def install(check):
        monkeypatch.setitem(sys.modules, "RegQCLib.qc.check", SimpleNamespace(check=check))

    return install


def test_a_report_is_read_as_it_is_meant(use):
    use(oracle)
    shift = Affine.rigid(translation_mm=(1.5, 0, 0))
    judged = RegQCMethod().judge(*phantom_pair((12, 14, 12)), shift)["regqc"]
    assert (judged.score, judged.mm, judged.verdict) == (0.75, pytest.approx(1.5), "misaligned")
    assert judged.acquisition == "coronal"
    empty, full = judged.slices["coronal"]
    assert (empty.score, empty.flagged) == (None, False)
    assert (full.index, full.score, full.mm, full.flagged) == (1, 0.75, 2.5, True)
    assert judged.timing_s == {"network": 0.25}


def test_cannot_tell_ranks_in_the_middle(use):
    use(undecided)
    judged = RegQCMethod().judge(*phantom_pair((12, 14, 12)))["regqc"]
    assert (judged.score, judged.mm, judged.verdict) == (UNDECIDED, None, "cannot_tell")


def test_a_check_that_knows_catches_wrong_fields_and_passes_controls(use, monkeypatch):
    use(oracle)
    monkeypatch.setattr(error_map, "PHANTOM_SHAPE", (48, 56, 48))
    prepared = error_map.load(error_map.PHANTOM, 0)
    wrong = error_map.wrong_results(prepared, 0)
    caught = {row["kind"]: row["caught"] for row in wrong}
    assert caught["diverged"]
    assert caught["folded"]
    assert not caught["control"]
    local = error_map.local_errors(prepared, 0)
    assert local["auroc_regqc"] == pytest.approx(1.0, abs=1e-3)
    assert local["mae_mm"] == pytest.approx(0, abs=1e-3)
    assert 0 < local["share_off"] < 1
    text = error_map.markdown(error_map.summarize(wrong, [local]))
    assert "| control | 0 | 1 |" in text
