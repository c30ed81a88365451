"""Splines on control points, against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline, CubicSpline

from RegQCLib.registration.iterative.control_grid import (
    ControlGrid,
    along,
    extended,
    separable,
    transposed,
)

LIKE = torch.zeros(1, dtype=torch.float64)
CONTROL = ControlGrid((37.0, 20.0, 11.0), (5.0, 4.0, 3.0))


def random(*shape):
    return torch.tensor(np.random.default_rng(0).standard_normal(shape))


def test_basis_functions_are_cubic_b_splines():
    positions = np.linspace(0, 37, 50)
    (matrix, *_) = CONTROL.matrices([positions, np.zeros(1), np.zeros(1)], LIKE)
    count = CONTROL.counts[0]
    knots = 5.0 * np.arange(-3, count + 1)
    for number in range(count):
        expected = BSpline.basis_element(knots[number : number + 5], extrapolate=False)(positions)
        np.testing.assert_allclose(matrix[:, number], np.nan_to_num(expected), atol=1e-12)


def test_control_points_cover_the_image():
    assert [len(inner) for inner in CONTROL.inner] == [9, 6, 5]
    assert CONTROL.counts == (11, 8, 7)
    assert all(
        inner[-1] >= length for inner, length in zip(CONTROL.inner, CONTROL.extent, strict=True)
    )


def test_beyond_the_control_points_a_field_keeps_its_value():
    beyond = CONTROL.matrices([np.array([-9.0, 0.0]), np.zeros(1), np.zeros(1)], LIKE)[0]
    np.testing.assert_array_equal(beyond[0], beyond[1])


def test_interpolation_gives_a_natural_spline():
    values = random(9)
    coefficients = CONTROL.interpolating(LIKE)[0] @ values
    positions = np.linspace(0, 40, 30)
    found = CONTROL.matrices([positions, np.zeros(1), np.zeros(1)], LIKE)[0] @ coefficients
    expected = CubicSpline(CONTROL.inner[0], values, bc_type="natural")(positions)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_products_along_the_axes_are_one_product_with_all():
    matrices = [random(4, 3), random(5, 2), random(6, 4)]
    values = random(2, 3, 2, 4)
    expected = torch.einsum("ai,bj,ck,nijk->nabc", *matrices, values)
    torch.testing.assert_close(separable(matrices, values), expected)
    torch.testing.assert_close(
        along(matrices[1], values, 2), torch.einsum("bj,nijk->nibk", matrices[1], values)
    )


def test_the_adjoint_keeps_inner_products():
    matrices = CONTROL.matrices([np.linspace(0, n, 7) for n in CONTROL.extent], LIKE)
    coefficients, values = random(2, *CONTROL.counts), random(2, 7, 7, 7)
    forth = (separable(matrices, coefficients) * values).sum()
    back = (coefficients * transposed(matrices, values)).sum()
    torch.testing.assert_close(forth, back)


@pytest.mark.parametrize("shape", [(3,), (2, 4)])
def test_maps_are_extended_by_their_edges(shape):
    values = random(*shape)
    expected = np.pad(values.numpy(), 1, mode="edge")
    np.testing.assert_array_equal(extended(values), expected)


def test_refining_keeps_a_smooth_field():
    coarse = ControlGrid((64.0, 64.0), (8.0, 8.0))
    fine = ControlGrid((64.0, 64.0), (4.0, 4.0))
    k, j = np.meshgrid(*(np.linspace(-8, 72, 11),) * 2, indexing="ij")
    coefficients = torch.tensor(np.sin(k / 30) * np.cos(j / 25))[None]
    places = [np.linspace(0, 64, 20)] * 2
    before = separable(coarse.matrices(places, LIKE), coefficients)
    after = separable(fine.matrices(places, LIKE), coarse.refined(coefficients, fine))
    torch.testing.assert_close(after, before, atol=2e-3, rtol=0)
