"""Label maps: many labels, compact shapes, a bank that is drawn once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from RegQCLib.errors import InputError
from RegQCLib.synthesis.label_maps import LABELS, load_or_make_bank, random_label_map


@pytest.mark.parametrize("shape", [(48, 40), (24, 32, 28), (15, 17, 33)])
def test_maps_have_many_labels_in_compact_shapes(shape):
    made = random_label_map(shape, torch.Generator().manual_seed(3))
    assert made.shape == shape
    assert made.dtype == torch.uint8
    counts = torch.bincount(made.flatten().long(), minlength=LABELS)
    assert len(counts) == LABELS
    assert int((counts > 0).sum()) >= 8
    # in shuffled voxels, neighbors would be alike as often as the labels' shares say
    by_chance = float(((counts / made.numel()) ** 2).sum())
    alike = float((made[1:] == made[:-1]).float().mean())
    assert alike > 0.5 > 1.5 * by_chance


def test_the_seed_decides():
    first, again, other = (
        random_label_map((20, 24, 16), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert (first != other).float().mean() > 0.5


def test_fewer_labels_can_be_asked_for():
    made = random_label_map((32, 32), torch.Generator().manual_seed(0), labels=3)
    assert set(made.unique().tolist()) <= {0, 1, 2}


def test_a_bank_is_drawn_once_and_map_by_map(tmp_path):
    file = tmp_path / "cache" / "bank.npy"
    stages = []
    bank = load_or_make_bank(file, count=2, size=16, seed=5, progress=lambda *s: stages.append(s))
    assert stages[-1] == ("drawing label maps", 1.0)
    assert torch.equal(bank[1], random_label_map((16,) * 3, torch.Generator().manual_seed(6)))
    stored = np.load(file)
    stored[0] = 7
    np.save(file, stored)  # a second call must read, not draw
    assert int(load_or_make_bank(file, count=2, size=16, seed=5)[0].min()) == 7
    assert [p.name for p in file.parent.iterdir()] == ["bank.npy"]


def test_another_bank_is_refused(tmp_path):
    load_or_make_bank(tmp_path / "bank.npy", count=1, size=16, seed=0)
    with pytest.raises(InputError, match=r"another label bank.*remove it"):
        load_or_make_bank(tmp_path / "bank.npy", count=2, size=16, seed=0)


def test_an_unreadable_bank_is_refused_in_one_line(tmp_path):
    file = tmp_path / "bank.npy"
    file.write_bytes(b"\x93NUMPY not really")
    with pytest.raises(InputError, match="remove it") as refused:
        load_or_make_bank(file, count=2, size=16, seed=0)
    assert "\n" not in str(refused.value)
