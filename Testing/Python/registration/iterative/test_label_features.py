"""Label maps as soft channels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from RegQCLib.errors import InputError
from RegQCLib.registration.iterative.label_features import CHANNELS, label_codes, label_features


def test_few_labels_have_a_channel_each():
    codes = label_codes(np.array([0, 3, 7, 9]), np.array([9, 3, 0, 5]))
    assert sorted(codes) == [3, 9]
    torch.testing.assert_close(torch.stack([codes[3], codes[9]]), torch.eye(2))


def test_many_labels_share_channels_and_stay_apart():
    labels = np.arange(60)
    codes = label_codes(labels, labels, seed=1)
    table = torch.stack(list(codes.values()))
    assert table.shape == (59, CHANNELS)
    assert torch.pdist(table).min() > 0.3
    again = label_codes(labels, labels, seed=1)
    torch.testing.assert_close(again[5], codes[5])
    assert not torch.equal(label_codes(labels, labels, seed=2)[5], codes[5])


def test_labels_in_one_map_alone_are_background():
    with pytest.raises(InputError, match="no label in common"):
        label_codes(np.array([0, 1]), np.array([0, 2]))


def test_features_are_mean_codes():
    labels = torch.zeros(1, 1, 12, 12, 12, dtype=torch.int64)
    labels[..., 6:] = 4
    labels[:, :, :2] = 8  # not coded
    features = label_features(
        labels, {4: torch.tensor([1.0, 0]), 5: torch.tensor([0.0, 1])}, (2, 2, 2)
    )
    assert features.shape == (1, 2, 6, 6, 6)
    assert (features[0, 1] == 0).all()
    expected = torch.tensor([0, 0, 1 / 3, 2 / 3, 1, 1])
    torch.testing.assert_close(features[0, 0, 3, 3], expected)
    assert (features[0, 0, 0] < features[0, 0, 3]).any()
