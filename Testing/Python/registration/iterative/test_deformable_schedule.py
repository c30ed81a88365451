"""How fine memory lets a registration become."""

from __future__ import annotations

import numpy as np
import pytest

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import Grid
from RegQCLib.registration.iterative.deformable_schedule import MEASURES, finest_voxels, stages

GRID = Grid((160, 192, 160), np.eye(4))


def test_enough_memory_keeps_the_voxels():
    assert finest_voxels(GRID, "auto", 4.0) == (1.0, "")


def test_each_halving_of_memory_says_so():
    size, why = finest_voxels(GRID, "auto", 0.8)
    assert size == 2.0
    assert why == "worked on voxels of 2 mm, not 1 mm, to respect the limit of 0.8 GB"


def test_thick_slices_stay_as_they_are():
    thick = Grid((40, 192, 160), np.diag([1.0, 1, 4, 1]))
    size, _ = finest_voxels(thick, "auto", 0.55)
    assert size == 2.0  # in plane; 4 times fewer voxels


def test_huge_images_are_thinned_for_time():
    size, why = finest_voxels(Grid((1000, 512, 512), np.eye(4)), "auto", 1000.0)
    assert size == 3.0
    assert why.endswith("to respect time")


def test_too_little_for_anything_is_refused():
    with pytest.raises(InputError, match=r"limit of 0\.1 GB cannot hold"):
        finest_voxels(GRID, "auto", 0.1)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("voxel_mm", [0.5, 1.0, 2.0])
def test_stages_go_from_coarse_to_fine(measure, voxel_mm):
    plan = stages(measure, voxel_mm)
    assert [s.factor for s in plan] == sorted((s.factor for s in plan), reverse=True)
    assert [s.spacing for s in plan] == sorted((s.spacing for s in plan), reverse=True)
    assert plan[-1].factor == 1
