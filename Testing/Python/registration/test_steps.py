"""What engines are given and what is passed on of what they say."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from registration.stubs import bent, images, shifted

from RegQCLib.geometry.transforms import Affine
from RegQCLib.progress import silent
from RegQCLib.registration.iterative import affine as affine_module
from RegQCLib.registration.iterative import deformable as deformable_module
from RegQCLib.registration.iterative.affine_result import AffineResult
from RegQCLib.registration.steps import Order, deformable, linear, start


@pytest.fixture
def given(monkeypatch):
    """Keyword arguments that the engines get; both answer with what is known."""
    seen: dict = {}
    affine = AffineResult(
        *(shifted(3), "affine", "mi", -0.1, -0.4, 0.9, False, "flat measure: why", 7, ()),
        engine="SimpleITK",
        note="torch is not installed, so SimpleITK did the registration",
    )
    field = SimpleNamespace(
        transform=bent(3),
        inverse=bent(-3),
        limits=("it folds at 1 %",),
        folded_fraction=0.01,
        start="predicted",
        history=(),
    )
    monkeypatch.setattr(affine_module, "register_affine", lambda *_, **o: seen.update(o) or affine)
    monkeypatch.setattr(
        deformable_module, "register_deformable", lambda *_, **o: seen.update(o) or field
    )
    return seen


def test_the_start_is_its_own_inverse_where_nothing_is_given():
    np.testing.assert_array_equal(start(None).transform.matrix, np.eye(4))
    np.testing.assert_allclose(start(shifted(2)).inverse.matrix, shifted(-2).matrix)


def test_a_linear_step_says_what_limited_it_and_who_did_it(given):
    step = linear(Order(*images(), seed=5), "affine", None, silent)
    assert step.limits == (
        "affine: flat measure: why",
        "affine: torch is not installed, so SimpleITK did the registration",
    )
    assert step.metrics["engine"] == "SimpleITK"
    assert (given["measure"], given["seed"], given["init"]) == ("mi", 5, None)
    np.testing.assert_allclose(step.inverse.matrix, shifted(-3).matrix)


def test_a_deformation_gets_masks_as_weights_and_a_limit_of_memory(given):
    fixed, moving = images()
    mask = fixed.with_array((fixed.array > 50).astype(np.uint8) * 3, name="mask")
    labels = (mask, moving)
    order = Order(fixed, moving, fixed_mask=mask, labels=labels, model="velocity")
    step = deformable(order, Affine.identity(), silent)
    assert step.limits == ("deformable: it folds at 1 %",)
    assert step.metrics["folded_voxel_share"] == 0.01
    assert step.metrics["start"] == "predicted"
    np.testing.assert_array_equal(given["fixed_weights"].array, fixed.array > 50)
    assert given["moving_weights"] is None
    assert (given["fixed_labels"], given["moving_labels"]) == labels
    assert (given["measure"], given["model"]) == ("auto", "velocity")
    assert given["max_memory_gb"] > 0.1  # what the machine has
    deformable(Order(fixed, moving, max_memory_gb=0.7), Affine.identity(), silent)
    assert given["max_memory_gb"] == 0.7
