"""What speaks against a result: every reason by itself, on a made-up landscape of scores."""

from __future__ import annotations

import numpy as np
import pytest

from RegQCLib.registration.iterative.affine_parameters import Motions
from RegQCLib.registration.iterative.affine_result import LevelHistory
from RegQCLib.registration.iterative.affine_verdict import doubts

RADIUS = 60.0
MOTIONS = Motions("affine", np.zeros(3), np.zeros(3), RADIUS)
BEST = np.zeros(12)


def peak(width_mm, height=1.0):
    """Score that falls with the shift like a Gaussian."""

    def score(matrices):
        shifts = np.linalg.norm(matrices[:, :3, 3], axis=1)
        return height * np.exp(-0.5 * (shifts / width_mm) ** 2)

    return score


def level(*, overlap=0.9, finished=True):
    return LevelHistory(2.0, 1000, -0.1, -0.5, 10, overlap, finished)


def told(*, score=None, best=BEST, rivals=(), reached=1.0, **options):
    ranked = [(best, reached), *rivals]
    return doubts(MOTIONS, score or peak(10.0, reached), ranked, [level(**options)])


def test_nothing_speaks_against_a_clear_peak():
    assert told() == ""
    assert told(rivals=[(BEST + 20.0, 0.8)]) == ""


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"overlap": 0.2}, "little overlap: the moving image shows 20% of the fixed body"),
        ({"reached": 0.03}, "flat measure: the images tell next to nothing"),
        ({"score": peak(100.0)}, "flat measure: the images agree about as well"),
        ({"finished": False}, "iteration limit: the search was still moving at 2 mm"),
        ({"rivals": [(BEST + 20.0, 0.97)]}, "ambiguous: another motion, 69 mm away"),
    ],
)
def test_every_doubt_has_its_words(options, reason):
    assert told(**options).startswith(reason)


@pytest.mark.parametrize("scale", [1.8, 0.55])
def test_no_body_grows_so_much(scale):
    stretched = BEST.copy()
    stretched[6:] = np.log(scale) * RADIUS * (MOTIONS.scaling[6:])
    shown = f"{scale:.0%}"
    assert told(best=stretched).startswith("implausible")
    assert shown in told(best=stretched)
