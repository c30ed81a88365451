"""Cutting volumes into slices: interpolation, frames, names of planes and gray windows."""

from __future__ import annotations

import itertools

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qc.support import ellipsoid, framed, grid_around_origin, turned

from RegQCLib.qc.planes import (
    FINEST_MM,
    MARGIN_MM,
    Frame,
    acquisition_axis,
    frame_around,
    gray_window,
    in_plane_axes,
    plane_name,
    slice_images,
    windowed,
)

GRID = grid_around_origin((40, 60, 50), (1.5, 1.25, 2.0))


@given(
    voxels=st.integers(1, 90),
    spacing=st.floats(0.3, 8),
    pixel=st.floats(0.5, 3),
)
@settings(max_examples=60, deadline=None)
def test_weights_average_and_cover_the_region(voxels, spacing, pixel):
    frame = Frame((0, 0, 0), (voxels, 4, 4), (spacing, 1.0, 1.0), pixel)
    weights = frame.weights(0)
    assert weights.shape == (frame.pixels(0), voxels)
    assert frame.pixels(0) % 8 == 0
    assert (frame.pixels(0) - 1) * pixel >= (voxels - 1) * spacing - 1e-9
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(("spacing", "pixel"), [(1.0, 1.0), (2.0, 0.9), (5.0, 0.75)])
def test_weights_reproduce_a_ramp_exactly_on_fine_pixels(spacing, pixel):
    frame = Frame((0, 0, 0), (30, 4, 4), (spacing, 1.0, 1.0), pixel)
    seen = frame.weights(0) @ (np.arange(30) * spacing)
    wanted = np.minimum(np.arange(frame.pixels(0)) * pixel, 29 * spacing)
    np.testing.assert_allclose(seen, wanted, atol=1e-4)


@pytest.mark.parametrize("ratio", [1.3, 1.9, 2.6])
def test_weights_keep_a_ramp_and_average_noise_on_coarse_pixels(ratio):
    frame = Frame((0, 0, 0), (120, 4, 4), (1.0, 1.0, 1.0), ratio)
    place = np.arange(frame.pixels(0)) * ratio
    inner = (place > 2 * ratio) & (place < 119 - 2 * ratio)
    seen = frame.weights(0)[inner] @ np.arange(120)
    assert np.abs(seen - place[inner]).max() < 0.12
    assert ((frame.weights(0)[inner] ** 2).sum(axis=1) < 0.75).all()


def test_frame_holds_the_body_and_its_margin():
    body, frame = framed(GRID)
    inside = np.zeros(GRID.shape, dtype=bool)
    inside[frame.box] = True
    assert (inside | ~body).all()
    for axis, spacing in enumerate(GRID.spacing[::-1]):
        used = np.flatnonzero(body.any(axis=in_plane_axes(axis)))
        room = (used[0] - frame.start[axis], frame.stop[axis] - 1 - used[-1])
        limits = (used[0], GRID.shape[axis] - 1 - used[-1])
        for got, available in zip(room, limits, strict=True):
            assert got == min(available, np.ceil(MARGIN_MM / spacing))
    np.testing.assert_allclose(frame.extent_mm, np.array(frame.shape) * GRID.spacing[::-1])
    assert frame.pixel_mm >= FINEST_MM
    assert frame_around(body, GRID, pixel_mm=1.7).pixel_mm == 1.7


def test_slices_are_where_they_should_be():
    _, frame = framed(GRID, pixel_mm=1.1)
    k, j, i = np.meshgrid(
        *(np.arange(n) * s for n, s in zip(frame.shape, frame.spacing, strict=True)), indexing="ij"
    )
    position = (100 * k + 10 * j + i).astype(np.float32)
    for axis in range(3):
        chosen = np.array([0, frame.shape[axis] // 2, frame.shape[axis] - 1])
        images = slice_images(position, -position, frame, axis, chosen)
        rows, columns = in_plane_axes(axis)
        assert images.shape == (3, 2, frame.pixels(rows), frame.pixels(columns))
        places = [np.array([0.0])] * 3
        for a in (rows, columns):
            last = (frame.shape[a] - 1) * frame.spacing[a]
            places[a] = np.minimum(np.arange(frame.pixels(a)) * 1.1, last)
        for number, index in enumerate(chosen):
            places[axis] = np.array([index * frame.spacing[axis]])
            parts = np.meshgrid(*places, indexing="ij")
            wanted = (100 * parts[0] + 10 * parts[1] + parts[2]).squeeze(axis)
            np.testing.assert_allclose(images[number, 0], wanted, rtol=1e-5, atol=2e-2)
            np.testing.assert_array_equal(images[number, 1], -images[number, 0])


@pytest.mark.parametrize("thick", [0, 1, 2])
def test_thick_slices_tell_the_acquisition_axis(thick):
    spacing = [1.0, 0.9, 1.1]
    spacing[thick] = 5.0
    grid = grid_around_origin((20, 22, 24), tuple(spacing), direction=turned())
    assert acquisition_axis(grid) == 2 - thick


@pytest.mark.parametrize("spacing", [(1, 1, 1), (1.2, 1, 1.5), (1, 2, 2)])
def test_no_acquisition_axis_without_one_coarse_axis(spacing):
    assert acquisition_axis(grid_around_origin((20, 22, 24), spacing)) is None


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("mirrored", [False, True])
def test_planes_are_named_as_nibabel_names_axes(order, mirrored):
    direction = turned(20, mirrored=mirrored)[:, list(order)]
    grid = grid_around_origin((10, 12, 14), (1, 2, 3), direction=direction)
    names = {"L": "sagittal", "R": "sagittal", "P": "coronal", "A": "coronal"}
    codes = nibabel.aff2axcodes(grid.affine)
    for axis in range(3):
        assert plane_name(grid, axis) == names.get(codes[2 - axis], "axial")
        assert grid.array_axis(plane_name(grid, axis)) == axis


def test_window_keeps_dark_tissue_apart_from_stripped_background():
    rng = np.random.default_rng(0)
    body = ellipsoid(GRID)
    image = np.where(body, rng.normal(500, 80, GRID.shape), 0)
    image[20, 30, 25] = 1e6
    gray = windowed(image, gray_window(image, body))
    assert gray.dtype == np.float32
    assert gray.min() == 0
    assert gray.max() == 1
    assert (gray[~body] == 0).all()
    assert np.mean(gray[body] > 0.05) > 0.98
    assert 0.3 < np.median(gray[body]) < 0.7


def test_window_of_ct_ignores_air_and_metal():
    rng = np.random.default_rng(0)
    body = ellipsoid(GRID)
    image = np.where(body, rng.normal(40, 20, GRID.shape), -1000)
    bone = body & ~ellipsoid(GRID, 0.9)
    image[bone] = 900
    image[20, 30, 24:26] = 30_000
    low, high = gray_window(image, body)
    assert -200 < low < 0
    assert 800 < high < 1000
    assert (windowed(image, (low, high))[~body] == 0).all()


def test_window_of_a_constant_body_is_not_empty():
    low, high = gray_window(np.full((4, 4, 4), 7), np.ones((4, 4, 4), dtype=bool))
    assert low < 7 < high
