"""MIND by slabs, against MIND of the whole image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from RegQCLib.registration.iterative import mind_features as module
from RegQCLib.registration.iterative.mind_features import mind_features
from RegQCLib.similarity.losses.mind import mind_ssc


def image(*shape):
    return torch.tensor(np.random.default_rng(0).standard_normal((1, 1, *shape)))


@pytest.mark.parametrize("voxels", [1000, 10**9])
def test_slabs_do_not_show(voxels, monkeypatch):
    monkeypatch.setattr(module, "SLAB_VOXELS", voxels)
    values = image(21, 16, 14)
    expected = functional.avg_pool3d(mind_ssc(values), 2)
    found = mind_features(values, None, (1.0, 1.0, 1.0), (2, 2, 2))
    torch.testing.assert_close(found, expected)


def test_thick_slices_are_described_each_by_itself():
    values = image(5, 16, 14)
    found = mind_features(values, None, (5.0, 1.0, 1.0), (1, 2, 2))
    assert found.shape == (1, 4, 5, 8, 7)
    expected = functional.avg_pool2d(mind_ssc(values[:, :, 2]), 2)
    torch.testing.assert_close(found[:, :, 2], expected, atol=1e-3, rtol=0)


def test_what_has_no_weight_has_no_influence():
    values, other = image(12, 12, 12), image(12, 12, 12)
    weights = torch.ones_like(values)
    weights[:, :, 3:6, 3:6, 3:6] = 0
    other[:, :, 3:6, 3:6, 3:6] = 50
    features = [mind_features(v, weights, (1.0,) * 3, (1, 1, 1)) for v in (values, other)]
    torch.testing.assert_close(*features)
