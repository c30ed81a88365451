"""A transform sampled for display, and how far that is off."""

from __future__ import annotations

import json

import numpy as np
import pytest

from RegQCLib.cli.preview_worker import largest_difference, main
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transform_io import save_transform
from RegQCLib.geometry.transforms import Affine, Composite

MOTION = Affine.rigid(rotation_deg=(3, 0, 5), translation_mm=(1, 2, 3))


def grid(spacing, count):
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = (-10, -20, 5)
    return Grid((count, count, count), affine)


def bent(fine):
    x, y, z = np.moveaxis(fine.points(), -1, 0)
    return DisplacementField(np.stack([np.sin(y / 5), np.cos(z / 6), np.sin(x / 4)]), fine.affine)


def test_samples_and_their_distance_from_the_transform(tmp_path, capsys):
    fine, coarse = grid(1.0, 25), grid(4.0, 7)
    whole = Composite([bent(fine), MOTION])
    save_transform(whole, tmp_path / "transform.h5", grid=fine)
    described = tmp_path / "grid.json"
    described.write_text(json.dumps({"shape": coarse.shape, "affine": coarse.affine.tolist()}))
    out = tmp_path / "field.npy"
    files = [str(tmp_path / "transform.h5"), "--grid", str(described), "--out", str(out)]
    main([*files, "--progress", "json"])
    *progress, result = map(json.loads, capsys.readouterr().out.splitlines())
    assert [line["event"] for line in progress] == ["progress", "progress"]
    assert result["event"] == "result"
    points = coarse.points()
    samples = np.moveaxis(np.load(out), 0, -1)
    np.testing.assert_allclose(points + samples, whole.apply(points), atol=1e-3)
    assert 0.05 < result["largest_difference_mm"] < 1.0


def test_what_a_grid_can_hold_differs_by_nothing():
    field = DisplacementField(np.ones((3, 7, 7, 7)), grid(4.0, 7).affine)
    assert largest_difference(Affine.rigid(translation_mm=(1, 1, 1)), field) == pytest.approx(0)
    shifted = Affine.rigid(translation_mm=(1, 1, 3))
    assert largest_difference(shifted, field) == pytest.approx(2)
