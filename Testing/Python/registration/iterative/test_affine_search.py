"""From many starts to one motion: which candidates are refined, and which one is believed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from registration.iterative.affine_support import T1, T2, error_mm, grid, head

from RegQCLib.errors import InputError
from RegQCLib.geometry.transforms import Affine
from RegQCLib.progress import silent
from RegQCLib.registration.iterative.affine_pair import prepare
from RegQCLib.registration.iterative.affine_result import LevelHistory
from RegQCLib.registration.iterative.affine_search import (
    BATCH,
    Candidate,
    find_starts,
    ranking_score,
    refined,
)

TRUTH = Affine.rigid((25, -20, 15), (20, -25, 10))


class Still:
    """A refinement that leaves motions where they are and counts them."""

    name, note = "still", ""

    def __init__(self):
        self.sizes = []

    def value(self, *_):
        return 0.0

    def refine(self, size_mm, count, start):
        self.sizes.append(size_mm)
        return start, LevelHistory(size_mm, count, 0.0, 0.0, 1, 1.0, True)


@pytest.fixture(scope="module")
def pair():
    fixed = head(grid(center=TRUTH.inverse().apply((0, 0, 0))), T1, TRUTH)
    moving = head(grid(), T2, seed=1)
    return prepare(fixed, moving, kind="rigid", fixed_mask=None, moving_mask=None, seed=0)


def candidate(pair, angles=(0, 0, 0), shift=(0, 0, 0)):
    """The truth, and then a further motion."""
    return Candidate(pair.motions.parameters(TRUTH.then(Affine.rigid(angles, shift))))


def taken(pair, candidates):
    still = Still()
    return refined(pair, still, candidates, ranking_score(pair), silent), still.sizes


def test_the_search_ends_in_the_right_basin(pair):
    from RegQCLib.registration.iterative.affine_torch import TorchRefinement, torch_device

    starts, tried = find_starts(pair, None, silent)
    assert len(starts) > BATCH
    assert tried > 1000
    size, count = pair.sizes_mm[0], 6000
    found, level = TorchRefinement(pair, "mi", torch_device("cpu")).refine(
        size, count, starts[0].parameters
    )
    assert level.finished
    assert error_mm(pair.motions.transform(found), TRUTH) < size / 2


def test_a_motion_that_stands_out_ends_the_search(pair):
    wrong = [candidate(pair, shift=(0, 0, 60 + 5 * n)) for n in range(7)]
    ranked, sizes = taken(pair, [candidate(pair), *wrong])
    coarse = [size for size in sizes if size == pair.sizes_mm[0]]
    assert len(coarse) == BATCH
    assert error_mm(pair.motions.transform(ranked[0].parameters), TRUTH) < 1e-6
    assert len(ranked[0].history) == len(pair.sizes_mm)


def test_the_search_goes_on_while_nothing_stands_out(pair):
    def alike(matrices):
        return np.ones(len(matrices))

    still = Still()
    candidates = [candidate(pair, angles=(0, 0, 20 * n)) for n in range(BATCH + 2)]
    refined(pair, still, candidates, alike, silent)
    assert sum(size == pair.sizes_mm[0] for size in still.sizes) == BATCH + 2


def test_the_better_of_two_wins_though_it_comes_last(pair):
    ranked, _ = taken(pair, [candidate(pair, shift=(25, 0, 0)), candidate(pair)])
    assert error_mm(pair.motions.transform(ranked[0].parameters), TRUTH) < 1e-6
    assert ranked[0].score > ranked[1].score > 0


def test_candidates_that_do_not_meet_are_left_out(pair):
    away = candidate(pair, shift=(900, 0, 0))
    ranked, _ = taken(pair, [away, candidate(pair)])
    assert len(ranked) == 1
    with pytest.raises(InputError, match="share no content"):
        taken(pair, [away])


def test_an_initial_transform_replaces_the_search(pair):
    starts, tried = find_starts(pair, TRUTH, silent)
    assert tried == len(starts) == 1
    found = pair.motions.matrices(starts[0].parameters)
    np.testing.assert_allclose(found, TRUTH.matrix, atol=1e-9)
    with pytest.raises(InputError, match="outside the moving image"):
        find_starts(pair, Affine.rigid((0, 0, 0), (900, 0, 0)), silent)


def test_one_level_is_enough(pair):
    """Small images have no finer one to rank by."""
    small = head(grid((10, 12, 10), (15.0, 15.0, 15.0)), T1)
    short = replace(pair, fixed=replace(pair.fixed, volume=small), _levels={})
    assert len(short.sizes_mm) == 1
    assert ranking_score(short)(np.eye(4)[None]).shape == (1,)
