"""Gradient fields of ramps, whose gradients are known."""

import numpy as np
import pytest

from RegQCLib.similarity.ngf import gradients, ngf_distance, ngf_map

SPACING = (0.7, 1.3, 3.0)  # (i, j, k)
SHAPE = (6, 7, 8)


def ramp(slope):
    """Intensity whose gradient is ``slope`` = (k, j, i) per mm."""
    index = np.indices(SHAPE).astype(float)
    return sum(s * step * x for s, step, x in zip(slope, SPACING[::-1], index, strict=True))


def test_gradients_are_per_millimeter():
    slope = (2.0, -3.0, 0.5)
    expected = np.broadcast_to(np.reshape(slope, (3, 1, 1, 1)), (3, *SHAPE))
    assert gradients(ramp(slope), SPACING) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("first", "second", "cosine"),
    [
        ((1, 0, 0), (-5, 0, 0), 1.0),
        ((1, 0, 0), (0, 4, 0), 0.0),
        ((1, 1, 0), (0, 1, 0), np.sqrt(0.5)),
        ((1, 2, 3), (3, -1, 2), 7 / 14),
    ],
)
def test_distance_is_the_squared_sine_of_the_angle_between_edges(first, second, cosine):
    distance = ngf_map(ramp(first), ramp(second), SPACING, epsilon=(0, 0))
    assert distance == pytest.approx(1 - cosine**2)


def test_edges_at_the_noise_level_count_half():
    # |a| = e on both sides: 1 - (a^2 / (2 a^2))^2
    image = ramp((0, 2, 0))
    assert ngf_distance(image, image, SPACING) == pytest.approx(3 / 4)
    assert ngf_distance(image, image, SPACING, epsilon=(2, 2)) == pytest.approx(3 / 4)


def test_images_without_edges_are_unlike_and_not_nan():
    flat = np.ones(SHAPE)
    assert ngf_distance(flat, flat, SPACING) == 1


def test_a_single_slice_has_gradients_in_plane_only():
    image = ramp((1, 2, 0))[:1]
    assert gradients(image, SPACING)[0] == pytest.approx(0)


def test_only_the_mask_counts_for_mean_and_noise_level():
    first, second = ramp((0, 0, 1)), ramp((0, 0, 1))
    second[:, :4] = ramp((0, 9, 0))[:, :4]
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, 5:] = True
    assert ngf_distance(first, second, SPACING, mask) == pytest.approx(3 / 4)
