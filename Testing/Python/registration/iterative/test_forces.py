"""Forces of the measures: pulls are minus the derivative of the energy, on smooth images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from RegQCLib.registration.iterative.control_grid import ControlGrid
from RegQCLib.registration.iterative.deformable_level import Level
from RegQCLib.registration.iterative.feature_force import FeatureForce
from RegQCLib.registration.iterative.force import Term, between_known
from RegQCLib.registration.iterative.landmark_force import STIFFNESS, LandmarkForce
from RegQCLib.registration.iterative.lncc_force import LnccForce
from RegQCLib.registration.iterative.mutual_information_force import MutualInformationForce

SPACING = (2.0, 1.5, 1.0)


def image(seed, axes):
    rng = np.random.default_rng(seed)
    values = gaussian_filter(rng.standard_normal((24, 26, 28)[:axes]), 3.0)
    return torch.tensor(values / values.std())[None, None]


def level(axes, *, weighted, related=False):
    fixed, other = image(0, axes), image(1, axes)
    moving = fixed + 0.5 * other if related else other
    weights = [None, None]
    if weighted:
        weights = [(image(seed, axes) - image(seed, axes).amin()) / 3 for seed in (2, 3)]
    return Level(fixed, moving, *weights, SPACING[:axes], (0.0,) * axes, (0,) * axes)


def control_grid(images):
    sides = zip(images.fixed.shape[2:], images.spacing, strict=True)
    return ControlGrid(tuple((n - 1) * h for n, h in sides), (9.0,) * len(images.spacing))


def measures(images):
    return {
        "features": FeatureForce(images.fixed, images.moving, images),
        "lncc": LnccForce(images),
        "rising": LnccForce(images, rising=True),
        "mi": MutualInformationForce(images),
    }


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", ["features", "lncc", "rising", "mi"])
def test_pulls_point_down_the_energy(name, weighted, axes):
    images = level(axes, weighted=weighted, related=name == "rising")
    if weighted and name != "features":  # weights move as well, which forces leave out
        images = Level(
            images.fixed,
            images.moving,
            images.fixed_weights,
            None,
            images.spacing,
            images.offset,
            images.start,
        )
    control = control_grid(images)
    term = Term(measures(images)[name], images, control)
    rng = np.random.default_rng(5)
    place = torch.tensor(rng.standard_normal((axes, *control.counts)) * 0.3)
    force = term(place)
    # Along the pull itself: Gauss-Newton takes slopes of its own, so the size need not be exact.
    direction = force.pull / force.pull.norm()
    # Slopes of features are those of the mean of both images.
    tolerance = 0.6 if name == "features" else 0.15
    length = 0.05
    change = term(place + length * direction).energy - term(place - length * direction).energy
    expected = -2 * length * float((force.pull * direction).sum())
    assert change < 0
    assert change == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("name", ["features", "lncc", "mi"])
def test_curvatures_are_positive(name):
    images = level(3, weighted=False)
    control = control_grid(images)
    force = Term(measures(images)[name], images, control)(
        torch.zeros(3, *control.counts, dtype=torch.float64)
    )
    assert (force.curvature[[0, 3, 5]] >= 0).all()
    assert force.curvature[0].max() > 0


def test_rising_windows_ignore_an_inverted_contrast():
    images = level(3, weighted=False, related=True)
    inverted = Level(
        images.fixed, -images.moving, None, None, images.spacing, images.offset, images.start
    )
    control = control_grid(images)
    zero = torch.zeros(3, *control.counts, dtype=torch.float64)

    def strength(images, rising):
        return float(
            Term(LnccForce(images, rising=rising), images, control)(zero).curvature.abs().sum()
        )

    assert strength(inverted, rising=False) == pytest.approx(strength(images, rising=False))
    assert strength(inverted, rising=True) < 0.05 * strength(images, rising=True)


def test_landmarks_pull_like_springs():
    control = ControlGrid((30.0, 30.0, 30.0), (10.0, 10.0, 10.0))
    like = torch.zeros(3, *control.counts, dtype=torch.float64)
    points = np.array([[12.0, 7, 21], [3, 29, 15]])
    springs = LandmarkForce(points, points + np.array([1.0, 0, -2]), control, like)
    assert springs.energy(like) == pytest.approx(STIFFNESS / 2 * 2 * 5)
    shift = like + torch.tensor([1.0, 0, -2]).view(3, 1, 1, 1)
    assert springs.energy(shift) == pytest.approx(0, abs=1e-12)
    assert springs.pull(shift).abs().max() < 1e-8
    rng = np.random.default_rng(0)
    a, b = (torch.tensor(rng.standard_normal(like.shape)) for _ in range(2))
    torch.testing.assert_close(springs.pull(like) - springs.pull(a), springs.operator(a))
    torch.testing.assert_close((a * springs.operator(b)).sum(), (b * springs.operator(a)).sum())
    h = 1e-4
    change = (springs.energy(like + h * a) - springs.energy(like - h * a)) / (2 * h)
    assert change == pytest.approx(-float((springs.pull(like) * a).sum()))


def test_slopes_count_only_between_known_voxels():
    weights = torch.tensor([[1.0, 1, 1, 1, 0.5], [1, 1, 0, 1, 1], [1, 1, 1, 1, 1]])[None, None]
    down, across = between_known(weights)
    assert down.tolist() == [[1, 1, 0, 1, 1], [1, 1, 1, 1, 1], [1, 1, 0, 1, 1]]
    assert across.tolist() == [[1, 1, 1, 1, 1], [1, 0, 1, 0, 1], [1, 1, 1, 1, 1]]


@pytest.mark.parametrize("name", ["features", "lncc", "mi"])
def test_what_is_unknown_has_no_influence(name):
    images = level(3, weighted=False, related=True)
    known = torch.ones_like(images.moving)
    known[:, :, 18:] = 0
    filled = images.moving.clone()
    filled[:, :, 18:] = filled[:, :, 18:].flip(3)  # of the same range and spread
    control = control_grid(images)
    rng = np.random.default_rng(5)
    place = torch.tensor(rng.standard_normal((3, *control.counts)) * 0.3)
    forces = []
    for moving in (images.moving, filled):
        one = replace(images, moving=moving, moving_weights=known)
        forces.append(Term(measures(one)[name], one, control)(place))
    difference = (forces[0].pull - forces[1].pull).norm() / forces[0].pull.norm()
    assert difference < 1e-12
