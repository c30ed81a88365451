"""Local mismatch: one where nothing stands out, large where a part of an image moved."""

from __future__ import annotations

import numpy as np
import pytest
from qc.support import framed, grid_around_origin
from scipy.ndimage import gaussian_filter

from RegQCLib.qc.local_mismatch import LARGEST_RATIO, local_mismatch

SPACINGS = {"fine": (1.0, 1.0, 1.0), "coarse": (2.0, 2.0, 2.0), "thick": (1.0, 1.0, 4.0)}


def textured(shape, seed=0):
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.5)
    return ((noise - noise.min()) / np.ptp(noise)).astype(np.float32)


def region(spacing):
    shape = tuple(round(72 / s) for s in spacing[::-1])
    body, frame = framed(grid_around_origin(shape, spacing))
    return textured(frame.shape), body[frame.box], frame


@pytest.mark.parametrize("name", SPACINGS)
def test_what_moved_stands_out_where_it_is(name):
    fixed, body, frame = region(SPACINGS[name])
    moved = 1 - fixed + 0.02 * textured(frame.shape, 1)  # another contrast
    half = frame.shape[2] // 2
    steps = round(3 / frame.spacing[1]) or 1
    moved[:, :, half:] = np.roll(moved, steps, axis=1)[:, :, half:]
    ratio = local_mismatch(fixed, moved, body, frame)
    cut = ratio.shape[2] // 2
    still, off = ratio[:, :, : cut - 2], ratio[:, :, cut + 2 :]
    assert np.median(off) > 1.5 * np.median(still)
    assert ratio.min() >= 1 / LARGEST_RATIO
    assert ratio.max() <= LARGEST_RATIO


def test_nothing_stands_out_between_one_image_and_itself():
    fixed, body, frame = region(SPACINGS["fine"])
    assert (local_mismatch(fixed, fixed, body, frame) == 1).all()


def test_flat_images_have_no_mismatch():
    _, body, frame = region(SPACINGS["fine"])
    flat = np.zeros(frame.shape, dtype=np.float32)
    assert (local_mismatch(flat, flat, body, frame) == 1).all()
