"""Verdicts in words."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from qc.support import ellipsoid, grid_around_origin, plain_calibration

from RegQCLib.geometry.transforms import Affine
from RegQCLib.qc.alignment_report import ErrorEstimate
from RegQCLib.qc.features import VOLUME_FEATURES
from RegQCLib.qc.field_plausibility import assess_field
from RegQCLib.qc.verdict import cannot_tell, decide

ERROR = ErrorEstimate(2.34, 3.3, (1.0, 4.56))


def scored(*, probability=0.8, evidence=0.0, slices=5):
    features = np.zeros(len(VOLUME_FEATURES))
    features[VOLUME_FEATURES.index("log_evidence")] = evidence
    plane = SimpleNamespace(indices=np.arange(slices))
    empty = SimpleNamespace(indices=np.arange(0))
    return SimpleNamespace(
        features=features,
        slices={0: empty, 1: plane, 2: empty},
        error=ERROR,
        probability=probability,
    )


@pytest.mark.parametrize(
    ("probability", "tolerance", "word", "side"),
    [
        (0.5, 1.5, "misaligned", "above the tolerance of 1.5 mm"),
        (0.97, 1.5, "misaligned", "above the tolerance of 1.5 mm"),
        (0.49, 3.0, "aligned", "within the tolerance of 3 mm"),
        (0.49, 2.0, "aligned", "close to the tolerance of 2 mm, which it exceeds with a"),
        (0.6, 2.5, "misaligned", "close to the tolerance of 2.5 mm, which it exceeds with a"),
    ],
)
def test_probability_decides(probability, tolerance, word, side):
    verdict = decide(scored(probability=probability), plain_calibration(), tolerance)
    assert verdict.word == word
    assert verdict.probability == probability
    assert verdict.error is ERROR
    start = "estimated error 2.3 mm on average (90 % interval 1.0 to 4.6 mm), "
    assert verdict.reason.startswith(start + side)
    assert verdict.reason.endswith(f"probability of {probability:.0%}") == side.startswith("close")


def test_cannot_tell_without_slices():
    verdict = decide(scored(slices=0), plain_calibration(), 1.5)
    assert verdict.word == "cannot_tell"
    assert "no slice" in verdict.reason
    assert verdict.probability is None
    assert verdict.error is None


def test_cannot_tell_from_too_little_structure():
    calibration = plain_calibration(min_log_evidence=-1.0)
    assert decide(scored(evidence=-0.99), calibration, 1.5).word == "misaligned"
    verdict = decide(scored(evidence=-1.01), calibration, 1.5)
    assert verdict.word == "cannot_tell"
    assert "too little common structure" in verdict.reason


FOLDED = {"plausible": False, "reasons": ["3 % of the body is folded", "it swirls"]}


def test_an_implausible_field_is_a_misalignment():
    calibration = plain_calibration()
    aligned = decide(scored(probability=0.1), calibration, 1.5).with_field(FOLDED)
    assert (aligned.word, aligned.probability) == ("misaligned", 0.99)
    assert aligned.reason == (
        "the transform is not plausible: 3 % of the body is folded; it swirls; that the images "
        "look alike under it (2.3 mm) proves nothing, such a transform can make wrong structures "
        "meet"
    )
    assert aligned.error is ERROR
    told = cannot_tell("dark").with_field(FOLDED)
    assert (told.word, told.probability) == ("misaligned", 0.99)


def test_both_reasons_are_given():
    verdict = decide(scored(probability=0.7), plain_calibration(), 1.5).with_field(FOLDED)
    assert verdict.probability == 0.7
    assert verdict.reason.startswith("estimated error 2.3 mm")
    assert verdict.reason.endswith("folded; it swirls")


def test_a_plausible_field_or_none_changes_nothing():
    verdict = decide(scored(), plain_calibration(), 1.5)
    assert verdict.with_field(None) is verdict
    grid = grid_around_origin((16, 18, 20), (2, 2, 2))
    rigid = assess_field(Affine.rigid(rotation_deg=(40, 0, 5)), grid, ellipsoid(grid))
    assert rigid["reasons"]  # a rigid transform's Jacobian is no evidence, and that is no problem
    assert verdict.with_field(rigid) is verdict
