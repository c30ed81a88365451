"""Where edges are drawn, against balls of known place and size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from RegQCScene.display.comparison import Mode

RADIUS = 20.0


def edgePoints(bench: Any) -> Any:
    """(N, 3) RAS of the yellow pixels of a view."""
    pixels = bench.pixels().astype(int)
    yellow = (pixels[..., 0] > 180) & (pixels[..., 1] > 140) & (pixels[..., 2] < 90)
    return np.array([bench.view.toWorld((x, y)) for y, x in np.argwhere(yellow)]).reshape(-1, 3)


def assertBallAt(benches: Any, center: Any) -> None:
    """Every view shows a whole circle around the center, and nothing else."""
    for bench in benches.values():
        away = edgePoints(bench) - np.array(center)
        assert len(away) > 100
        radius = np.linalg.norm(away, axis=1)
        # half a pixel, half the line's width, and what a soft border leaves open
        np.testing.assert_allclose(radius, RADIUS, atol=1.2)
        assert abs(radius.mean() - RADIUS) < 0.35
        first, second = away[:, np.argsort(away.std(axis=0))[1:]].T
        assert np.ptp(np.sort(np.degrees(np.arctan2(first, second)))) > 350
        assert np.diff(np.sort(np.degrees(np.arctan2(first, second)))).max() < 5


@pytest.mark.parametrize("oblique", [False, True])
def test_edges_lie_on_the_moving_image_and_follow_its_transform(
    comparison: Any, benches: Any, phantoms: Any, oblique: bool
) -> None:
    fixed, moving = (
        phantoms.empty(),
        phantoms.ball(RADIUS, phantoms.obliqueLeftHanded if oblique else None),
    )
    transform = phantoms.translation(0, 0, 0)
    moving.SetAndObserveTransformNodeID(transform.GetID())
    comparison.setVolumes(fixed, moving)
    comparison.setMode(Mode.EDGES)
    assertBallAt(benches, (0, 0, 0))
    before = [bench.requests for bench in benches.values()]
    phantoms.move(transform, 5, -3, 0)
    benches["Green"].center(120, (5, -3, 0))
    benches["Yellow"].center(120, (5, -3, 0))
    assertBallAt(benches, (5, -3, 0))
    assert all(b.requests > n for b, n in zip(benches.values(), before, strict=True))


def test_edges_follow_zoom(comparison: Any, benches: Any, phantoms: Any) -> None:
    comparison.setVolumes(phantoms.empty(), phantoms.ball(RADIUS))
    comparison.setMode(Mode.EDGES)
    for width in (70, 300):
        benches["Red"].center(width)
        away = np.linalg.norm(edgePoints(benches["Red"]), axis=1)
        np.testing.assert_allclose(away, RADIUS, atol=0.6 + 1.6 * width / 240)


def test_edges_follow_a_deformation(comparison: Any, benches: Any, phantoms: Any) -> None:
    fixed, moving = phantoms.empty(), phantoms.ball(RADIUS)
    transform = phantoms.uniformField(-6, 0, 0)
    comparison.setVolumes(fixed, moving)
    comparison.setMode(Mode.EDGES)
    moving.SetAndObserveTransformNodeID(transform.GetID())
    away = np.linalg.norm(edgePoints(benches["Red"]) - (6, 0, 0), axis=1)
    assert len(away) > 100
    np.testing.assert_allclose(away, RADIUS, atol=1.2)


def test_no_edge_where_the_volume_ends(comparison: Any, benches: Any, phantoms: Any) -> None:
    # half of the ball is cut off by the end of the volume
    moving = phantoms.ball(RADIUS, shape=(80, 90, 30))
    comparison.setVolumes(phantoms.empty(), moving)
    comparison.setMode(Mode.EDGES)
    points = edgePoints(benches["Red"])
    assert len(points) > 20
    assert np.abs(points[:, 0]).max() < 14
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), RADIUS, atol=1.2)


def test_more_sensitivity_shows_more_edges(comparison: Any, benches: Any, pair: Any) -> None:
    comparison.setVolumes(*pair)
    benches["Red"].center(200, (0, 0, -30))
    counts = []
    for percent in (95, 85, 60):
        comparison.options.edgePercent = percent
        comparison.setMode(Mode.EDGES)
        counts.append(len(edgePoints(benches["Red"])))
    assert 0 < counts[0] < counts[1] < counts[2]


def test_edges_go_when_the_mode_is_left(comparison: Any, benches: Any, phantoms: Any) -> None:
    comparison.setVolumes(phantoms.empty(), phantoms.ball(RADIUS))
    comparison.setMode(Mode.EDGES)
    assert len(edgePoints(benches["Red"])) > 0
    comparison.setMode(Mode.NONE)
    assert len(edgePoints(benches["Red"])) == 0
