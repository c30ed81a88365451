"""Pictures of pairs: a checkerboard that is square in mm, sides of the patient as named."""

from __future__ import annotations

import matplotlib.image
import numpy as np
import pytest
import torch

from RegQCLib.synthesis.pair_pictures import PictureRow, checkerboard, draw_rows, volume_rows
from RegQCLib.synthesis.volume_pairs import VolumePair, VolumeSettings, volume_pair


@pytest.fixture(scope="module")
def pair(bank) -> VolumePair:
    settings = VolumeSettings(voxels=36, thick_share=1.0)
    return volume_pair(bank, 4.0, torch.Generator().manual_seed(1), settings)


def test_fields_of_a_checkerboard_are_square_in_mm():
    board = checkerboard(np.zeros((20, 80)), np.ones((20, 80)), (4.0, 1.0))
    assert board[0, 0] == 0
    assert board.mean() == pytest.approx(0.5, abs=0.05)
    rows, columns = (np.flatnonzero(np.diff(line)) for line in (board[:, 0], board[0]))
    assert np.diff(columns).tolist() == [10] * (len(columns) - 1)
    assert np.diff(rows * 4).tolist() == pytest.approx([10] * (len(rows) - 1), abs=2.01)


def test_each_plane_is_shown_with_its_sides(pair):
    rows = volume_rows(pair, "pair_0001")
    assert [row.letters for row in rows] == [tuple("RLAP"), tuple("RLSI"), tuple("APSI")]
    assert ["axial" in rows[0].caption, "4.00 mm" in rows[0].caption] == [True, True]
    for row in rows:
        assert row.fixed.shape == row.moving.shape == row.length_mm.shape
        assert np.isnan(row.length_mm).any()
    assert np.nanmean(rows[0].length_mm) == pytest.approx(4, rel=0.6)


def test_a_sheet_grows_with_its_rows(pair, tmp_path):
    rows = volume_rows(pair, "pair_0001")
    draw_rows(rows[:1], tmp_path / "one.png")
    draw_rows(rows, tmp_path / "three.png")
    one, three = (matplotlib.image.imread(tmp_path / f"{n}.png") for n in ("one", "three"))
    assert three.shape[0] > 2.5 * one.shape[0]
    assert three[..., :3].std() > 0.1


def test_an_empty_body_can_be_drawn(tmp_path):
    nothing = np.full((12, 10), np.nan)
    row = PictureRow("none", np.zeros((12, 10)), np.zeros((12, 10)), None, nothing, (1.0, 1.0))
    draw_rows([row], tmp_path / "none.png")
    assert (tmp_path / "none.png").stat().st_size > 1000
