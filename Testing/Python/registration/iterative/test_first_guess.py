"""Where deformations begin: what the network predicts, in the right place, or a search."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from registration.iterative import deformable_support
from registration.iterative.deformable_support import pair

from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.iterative import first_guess as module
from RegQCLib.registration.iterative.control_grid import separable
from RegQCLib.registration.iterative.deformable import register_deformable
from RegQCLib.registration.iterative.deformable_pair import prepare
from RegQCLib.registration.iterative.learned_start import (
    can_predict,
    learned_start,
    shipped_network,
)
from RegQCLib.registration.learned import load_for

SHAPE = (48, 52, 56)


class Ramp:
    """Predicts a motion along k that grows along i, and keeps what it was shown."""

    stride, divisor = 4, 16

    def to(self, _device: object) -> Ramp:
        return self

    def __call__(self, fixed: torch.Tensor, moving: torch.Tensor) -> SimpleNamespace:
        self.shown = fixed, moving
        counts = [n // self.stride for n in fixed.shape[2:]]
        cells = torch.zeros(1, 3, *counts)
        cells[:, 0] = 0.1 * torch.arange(counts[2])
        return SimpleNamespace(levels=(cells,))


def prepared(fixed: Volume, moving: Volume):
    return prepare(
        fixed,
        moving,
        None,
        finest_mm=0.1,
        fixed_weights=None,
        moving_weights=None,
        reach=True,
        device=torch.device("cpu"),
    )


def test_a_prediction_is_brought_to_mm_at_its_place():
    rng = np.random.default_rng(0)
    affine = np.diag([2.0, 2.0, 3.0, 1.0])
    array = np.zeros((20, 40, 44), np.float32)
    array[2:18, 3:37, 3:41] = 50 + 50 * rng.random((16, 34, 38))
    images = prepared(Volume(array, affine), Volume(array, affine))
    network = Ramp()
    control, coefficients = learned_start(images, network)
    fixed, moving = network.shown
    assert fixed.shape == moving.shape
    assert all(n % 16 == 0 for n in fixed.shape[2:])
    assert float(fixed.min()) == 0
    assert float(fixed.max()) == 1
    places = images.whole.positions
    found = separable(control.matrices(places, coefficients), coefficients)
    # 0.1 voxels of the level each 4 x 2 mm along i, from its first block of 4 voxels of 2 mm on;
    # a voxel of the level along k is as long as the frame allows: 4 x side / count of 2 mm voxels
    sides = [
        n * step for n, step in zip(images.whole.fixed.shape[2:], (3.0, 2.0, 2.0), strict=True)
    ]
    long = 4 * sides[0] / round(sides[0] / 2)
    expected = long * 0.1 * (places[2] - 3.0) / 8.0
    inner = (places[2] > 8) & (places[2] < places[2][-1] - 12)
    values = found[0][:, :, inner].numpy()
    assert np.abs(values - expected[inner]).max() < 0.02 * expected.max()
    assert float(found[1:].abs().max()) < 1e-5


def test_the_network_brings_two_contrasts_nearer(monkeypatch):
    monkeypatch.setattr(deformable_support, "SPACING", 1.0)
    fixed, moving, warp = pair((60, 60, 60), inverted=True)
    images = prepared(fixed, moving)
    network = shipped_network()
    assert can_predict(images, network)
    control, coefficients = learned_start(images, network)
    found = separable(control.matrices(images.whole.positions, coefficients), coefficients)
    points = images.grid.points()
    truth = (warp.apply(points) - points)[..., ::-1]  # along k, j, i: the grid has no rotation
    inside = images.whole.fixed[0, 0].numpy() > 0
    left = np.linalg.norm(found.movedim(0, -1).numpy() - truth, axis=-1)[inside].mean()
    assert left < 0.6 * np.linalg.norm(truth, axis=-1)[inside].mean()


def test_a_prediction_that_makes_matters_worse_is_not_taken(monkeypatch):
    fixed, moving, _ = pair(SHAPE)
    assert register_deformable(fixed, moving).start == "predicted"

    def astray(images, network):
        control, coefficients = learned_start(images, network)
        return control, coefficients + 8.0

    monkeypatch.setattr(module, "learned_start", astray)
    assert register_deformable(fixed, moving).start == "searched"


@pytest.mark.parametrize(
    "options",
    [
        {"measure": "lncc"},
        {"model": "velocity"},
        {"inverse_consistent": True},
        {"fixed_weights": True},
    ],
)
def test_where_the_network_knows_too_little_it_is_not_asked(monkeypatch, options):
    fixed, moving, _ = pair((24, 26, 28))
    if "fixed_weights" in options:
        options = {"fixed_weights": fixed.with_array(np.ones(fixed.shape, np.float32))}
    monkeypatch.setattr(module, "shipped_network", lambda: pytest.fail("was asked"))
    assert register_deformable(fixed, moving, **options).start == "searched"


def test_slices_and_thin_slabs_are_searched():
    network = shipped_network()
    for shape in ((1, 48, 50), (5, 48, 50)):
        fixed, moving, _ = pair(shape)
        assert not can_predict(prepared(fixed, moving), network)


def test_the_shipped_network_is_there_by_its_name():
    model = load_for("contrast-agnostic", None)
    assert model.name == "contrast-agnostic"
    assert "synthetic shapes alone" in model.about["data"]
