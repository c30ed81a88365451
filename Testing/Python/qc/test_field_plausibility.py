"""Field plausibility: closed forms inside the body, and fields that folded, swirled or broke."""

from __future__ import annotations

import numpy as np
import pytest

from RegQCLib.errors import InputError
from RegQCLib.geometry.bspline import BSplineField
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transforms import Affine, Composite, to_displacement
from RegQCLib.geometry.velocity import VelocityField
from RegQCLib.qc.field_plausibility import assess_field

SHAPE = (24, 28, 32)


def grid_of(sign: float = 1.0, step: float = 1.0) -> Grid:
    affine = Affine.from_parameters(
        rotation_deg=(10, 20, -30),
        scale=(sign * 2 * step, 2.2 * step, 2.6 * step),
        translation_mm=(-30, 20, 5),
    )
    return Grid(tuple(int(n / step) for n in SHAPE), affine.matrix)


GRID = grid_of()


def ball(grid: Grid = GRID, radius_mm: float = 24.0) -> np.ndarray:
    return np.linalg.norm(grid.points() - grid.center, axis=-1) < radius_mm


def waves(amplitude_mm: float, wave_mm: float, grid: Grid = GRID) -> DisplacementField:
    phase = 2 * np.pi * (grid.points() - GRID.center) / wave_mm
    array = np.stack([np.sin(phase[..., (c + 1) % 3]) for c in range(3)]) * amplitude_mm
    return DisplacementField(array.astype(np.float32), grid.affine)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_smooth_field_is_plausible(sign: float) -> None:
    grid = grid_of(sign)
    result = assess_field(waves(3, 60, grid), grid, ball(grid))
    assert result["plausible"] is True
    assert result["reasons"] == []
    assert result["kind"] == "deformable"
    assert result["folded_voxels"] == 0
    assert result["folded_fraction"] == 0
    assert 0.8 < result["jacobian_min"] <= result["jacobian_p01"] < 1
    assert 1 < result["jacobian_p99"] <= result["jacobian_max"] < 1.3
    assert 0.005 < result["sd_log_jacobian"] < 0.15
    assert result["inverse_consistency_mm"] is None
    assert result["inverse_consistency_p95_mm"] is None


def test_numbers_against_closed_forms() -> None:
    x, y, z = np.moveaxis(GRID.points() - GRID.center, -1, 0)
    # J = 1 + 0.02 x; second derivative 0.02 along x alone
    field = DisplacementField(np.stack([0.01 * x**2, 0 * y, 0 * z]), GRID.affine)
    body = ball()
    result = assess_field(field, GRID, body)
    exact = 1 + 0.02 * x[body]
    assert result["jacobian_min"] == pytest.approx(exact.min(), abs=1e-3)
    assert result["jacobian_max"] == pytest.approx(exact.max(), abs=1e-3)
    low, high = np.percentile(exact, (1, 99))
    assert result["jacobian_p01"] == pytest.approx(low, abs=1e-3)
    assert result["jacobian_p99"] == pytest.approx(high, abs=1e-3)
    assert result["sd_log_jacobian"] == pytest.approx(np.log(exact).std(), abs=1e-3)
    assert result["bending_energy"] == pytest.approx(0.02**2, rel=1e-2)
    assert result["roughness"] == pytest.approx(0.02 * (2 * 2.2 * 2.6) ** (1 / 3), rel=1e-2)
    moved = 0.01 * x[body] ** 2
    assert result["mean_displacement_mm"] == pytest.approx(moved.mean(), rel=1e-4)
    assert result["max_displacement_mm"] == pytest.approx(moved.max(), rel=1e-4)


@pytest.mark.parametrize(
    ("affine", "kind"),
    [
        (Affine.rigid((5, 6, 7), (1, 2, 3)), "rigid"),
        (Affine.from_parameters(scale=(1.1, 1, 0.9)), "affine"),
    ],
)
def test_constant_jacobian_is_no_evidence(affine: Affine, kind: str) -> None:
    half = Affine.rigid((0, 0, 0), (0.5, 0, 0))
    for transform in (affine, Composite([half, affine, half.inverse()]),
                      to_displacement(affine, GRID)):  # fmt: skip
        result = assess_field(transform, GRID, ball())
        assert result["kind"] == kind
        assert result["plausible"] is True
        assert len(result["reasons"]) == 1
        assert "no evidence" in result["reasons"][0]
        expected = np.linalg.det(affine.matrix)
        for key in ("min", "max", "p01", "p99"):
            assert result[f"jacobian_{key}"] == pytest.approx(expected, abs=1e-4)
        assert result["sd_log_jacobian"] == 0


def test_affine_displacement_in_the_body() -> None:
    result = assess_field(Affine.rigid((0, 0, 0), (3, 0, 4)), GRID, ball())
    assert result["mean_displacement_mm"] == pytest.approx(5)
    assert result["max_displacement_mm"] == pytest.approx(5)


@pytest.mark.parametrize(
    ("scale", "reason"), [((-1, 1, 1), "mirrors"), ((0.5, 0.5, 0.5), "factor of 0.125")]
)
def test_absurd_affines(scale: tuple[float, ...], reason: str) -> None:
    result = assess_field(Affine.from_parameters(scale=scale), GRID, ball())
    assert result["plausible"] is False
    assert reason in result["reasons"][1]


def test_folds_count_inside_the_body_only() -> None:
    field = waves(9, 30)
    outside = ~ball(radius_mm=20)
    array = field.array.copy()
    array[:, ~outside] = 0.1 * waves(9, 30).array[:, ~outside]
    folded = assess_field(field, GRID, ball())
    assert folded["folded_fraction"] > 0.05
    assert folded["folded_voxels"] == round(folded["folded_fraction"] * ball().sum())
    assert folded["plausible"] is False
    assert "folds" in folded["reasons"][0]
    calm = assess_field(DisplacementField(array, GRID.affine), GRID, ball(radius_mm=14))
    assert calm["folded_voxels"] == 0


def test_swirl_without_folds_is_implausible() -> None:
    # A turn of up to 100 degrees about S that fades with the radius: volumes stay, nothing folds.
    offset = GRID.points() - GRID.center
    radius = np.linalg.norm(offset[..., :2], axis=-1)
    angle = np.radians(100) * np.exp(-((radius / 18) ** 2))
    x, y = offset[..., 0], offset[..., 1]
    array = np.stack(
        [
            np.cos(angle) * x - np.sin(angle) * y - x,
            np.sin(angle) * x + np.cos(angle) * y - y,
            0 * x,
        ]
    )
    result = assess_field(DisplacementField(array, GRID.affine), GRID, ball())
    assert result["folded_fraction"] < 0.01
    assert result["plausible"] is False
    assert any("swirls" in reason for reason in result["reasons"])


def test_swirl_in_a_small_part_is_implausible() -> None:
    offset = GRID.points() - GRID.center
    angle = np.radians(80) * np.exp(-0.5 * (offset**2).sum(axis=-1) / 7**2)
    x, y = offset[..., 0], offset[..., 1]
    cosine, sine = np.cos(angle), np.sin(angle)
    array = np.stack([cosine * x - sine * y - x, sine * x + cosine * y - y, 0 * x])
    result = assess_field(DisplacementField(array, GRID.affine), GRID, ball(radius_mm=30))
    assert result["rotation_p95_deg"] < 30
    assert result["plausible"] is False
    assert any("in places" in reason for reason in result["reasons"])


def test_rough_field_is_implausible() -> None:
    noise = np.random.default_rng(0).normal(scale=0.35, size=(3, *SHAPE))
    result = assess_field(DisplacementField(noise, GRID.affine), GRID, ball())
    assert result["folded_fraction"] < 0.01
    assert result["plausible"] is False
    assert any("rough" in reason for reason in result["reasons"])


def test_collapsing_region_is_implausible() -> None:
    offset = np.moveaxis(GRID.points() - GRID.center, -1, 0)
    near = np.exp(-(((offset**2).sum(axis=0) / 12**2) ** 2))
    result = assess_field(DisplacementField(-0.6 * offset * near, GRID.affine), GRID, ball())
    assert result["plausible"] is False
    assert any("shrinks or grows" in reason for reason in result["reasons"])


def test_people_differ_more_than_one_body_from_itself() -> None:
    points = GRID.points() - GRID.center
    array = np.moveaxis(6 * np.sin(2 * np.pi * points / 60), -1, 0)  # swells and shrinks by turns
    field = DisplacementField(array, GRID.affine)
    within = assess_field(field, GRID, ball())
    between = assess_field(field, GRID, ball(), between_people=True)
    assert 0.25 < within["sd_log_jacobian"] < 0.6
    assert (within["plausible"], between["plausible"]) == (False, True)
    folded = assess_field(waves(12, 30), GRID, ball(), between_people=True)
    assert folded["plausible"] is False


def test_inverse_consistency() -> None:
    phase = 2 * np.pi * GRID.points() / 60
    speed = 3 * np.stack([np.sin(phase[..., (c + 1) % 3]) for c in range(3)])
    velocity = VelocityField(speed, GRID.affine)
    forward, back = velocity.exp(), velocity.inverse().exp()
    good = assess_field(forward, GRID, ball(), inverse=back)
    assert good["inverse_consistency_mm"] < 0.05
    assert good["inverse_consistency_mm"] < good["inverse_consistency_p95_mm"] < 0.2
    assert good["plausible"] is True
    off = Composite([back, Affine.rigid((0, 0, 0), (0, 5, 0))])
    bad = assess_field(forward, GRID, ball(), inverse=off)
    assert bad["inverse_consistency_mm"] == pytest.approx(5, abs=0.1)
    assert bad["plausible"] is False
    assert "inverse" in bad["reasons"][-1]
    rigid = Affine.rigid((1, 2, 3))
    exact = assess_field(rigid, GRID, ball(), inverse=rigid.inverse())
    assert exact["inverse_consistency_mm"] == pytest.approx(0, abs=1e-9)


def test_field_is_measured_on_its_own_voxels() -> None:
    # Noise on a fine grid folds there; sampled at every other voxel it would look calmer.
    fine = grid_of(step=0.5)
    noise = np.random.default_rng(0).normal(scale=1.0, size=(3, *fine.shape))
    field = DisplacementField(noise, fine.affine)
    body = ball(fine)
    own = assess_field(field, fine, body)
    carried = assess_field(field, GRID, ball())
    assert carried["folded_fraction"] == pytest.approx(own["folded_fraction"], rel=0.05)
    assert own["folded_voxels"] > 100
    with_move = Composite([field, Affine.rigid((0, 0, 30), (5, 5, 5))])
    moved = assess_field(with_move, GRID, ball())
    assert moved["folded_voxels"] == pytest.approx(carried["folded_voxels"], abs=3)


def test_bspline_is_sampled_on_the_grid() -> None:
    knots = Grid((9, 9, 9), grid_of(step=4).affine)
    coefficients = np.random.default_rng(1).uniform(-1, 1, (3, 9, 9, 9))
    result = assess_field(BSplineField(coefficients, knots.affine), GRID, ball())
    assert result["kind"] == "deformable"
    assert result["plausible"] is True
    assert result["max_displacement_mm"] > 0.3


@pytest.mark.parametrize(
    ("mask", "reason"),
    [(np.zeros(SHAPE, bool), "empty"), (np.ones((2, 2, 2), bool), "shape")],
)
def test_unusable_masks_are_refused(mask: np.ndarray, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        assess_field(waves(1, 60), GRID, mask)


def test_field_elsewhere_is_refused() -> None:
    shifted = GRID.affine.copy()
    shifted[0, 3] += 500
    with pytest.raises(InputError, match="does not reach the body"):
        assess_field(DisplacementField(waves(1, 60).array, shifted), GRID, ball())
