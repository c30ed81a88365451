"""How stiff a field becomes after what was found."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from RegQCLib.registration.iterative.control_grid import ControlGrid
from RegQCLib.registration.iterative.deformable_descent import ADAPTED_RANGE, STIFF, Descent


def adapted(bends: float, *, scale: float = 1.0, seen: int = 8) -> float:
    """Stiffness after a random field.

    scale: everything in mm is so many times as long. seen: layers of control points, out of 8, at
    which the images show something.
    """
    control = ControlGrid((40.0 * scale,) * 3, (8.0 * scale,) * 3)
    values = np.random.default_rng(0).standard_normal((3, *control.counts))
    coefficients = torch.tensor(values * bends * scale)
    descent = Descent(SimpleNamespace(), control, coefficients, 1.0, 0.0, lambda _: None)
    descent.evidence = torch.zeros(control.counts, dtype=torch.float64)
    descent.evidence[:seen, :seen, :seen] = 1
    descent.adapt()
    return descent.adapted


def test_fields_that_bend_more_become_softer():
    found = [adapted(bends) for bends in (0.25, 0.5, 1.0)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 10 * found[1] > 100 * found[2]


@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_the_same_body_in_other_sizes_is_as_stiff(scale):
    assert adapted(0.5, scale=scale) == pytest.approx(adapted(0.5))


def test_what_does_not_bend_stays_straight():
    low, high = ADAPTED_RANGE
    assert adapted(0.0) == adapted(0.05) == high
    assert adapted(100.0) == low


def test_a_few_control_points_do_not_tell_how_stiff_things_are():
    assert adapted(0.05, seen=3) == adapted(100.0, seen=3) == adapted(1.0, seen=0) == STIFF
    assert adapted(100.0, seen=5) < STIFF
