"""Where a deformation begins: as a network predicts it, or where a discrete search ends."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from RegQCLib.registration.iterative.control_grid import ControlGrid
from RegQCLib.registration.iterative.deformable_schedule import Stage
from RegQCLib.registration.iterative.deformable_start import coarse_start
from RegQCLib.registration.iterative.deformable_terms import Forces
from RegQCLib.registration.iterative.learned_start import (
    can_predict,
    learned_start,
    shipped_network,
)
from RegQCLib.registration.iterative.motion import Model

JUDGED_BY = Stage(4, 16, 1, "mind")


@dataclass(frozen=True, eq=False)
class Guess:
    """Control points and coefficients (axes, *counts), mm. learned: the network's."""

    control: ControlGrid
    coefficients: Tensor
    learned: bool


def first_guess(model: Model, forces: Forces, *, predict: bool) -> Guess:
    """The network's prediction, if it makes the images more alike than they are, or a search.

    predict: whether the network may be asked: it knows no weights. It predicts displacements of
    volumes, from one image to the other.
    """
    pair = model.pair
    predict = predict and not model.velocity and not forces.symmetric
    if predict and can_predict(pair, network := shipped_network()):
        control, coefficients = learned_start(pair, network)
        before, after = (
            unlikeness(model, forces, control, values)
            for values in (torch.zeros_like(coefficients), coefficients)
        )
        if after < before:
            return Guess(control, coefficients, learned=True)
    return Guess(*coarse_start(pair, forces), learned=False)


def unlikeness(model: Model, forces: Forces, control: ControlGrid, coefficients: Tensor) -> float:
    """How unlike both images are after a motion, by descriptors that hold across contrasts."""
    shift = model.motion(control).displacement(coefficients)
    return sum(term(shift).energy for term in forces.of(JUDGED_BY, control, shift).forward)
