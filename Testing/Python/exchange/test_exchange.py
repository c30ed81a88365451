"""Other programs make the same moved image from our transform files, and we from theirs."""

from __future__ import annotations

import numpy as np
import pytest
from exchange.support import EXCHANGES, PROGRAMS, peer_python, run_peer

from RegQCLib.geometry.image_io import load_volume
from RegQCLib.geometry.resample import resample
from RegQCLib.geometry.transform_io import load_transform

TOLERANCE = 1e-3  # of the range of the images, which is 1


@pytest.fixture(scope="module", params=PROGRAMS, ids=lambda program: program.name)
def answers(request, tmp_path_factory):
    """What a program made of every exchange."""
    program = request.param
    python = peer_python(program.module)
    if python is None:
        pytest.skip(f"{program.module} is not installed; REGQC_PEER_PYTHON may name a Python")
    return run_peer(program, python, tmp_path_factory.mktemp(program.name))


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda exchange: exchange.name)
def test_the_moved_image_is_the_same(answers, exchange):
    files = answers[exchange.name]
    fixed, moving = exchange.images
    ours = resample(moving, fixed.grid, exchange.transform).array
    unmoved = resample(moving, fixed.grid).array
    assert np.abs(ours - unmoved).mean() > 10 * TOLERANCE  # else identity would pass
    # Slicer turns a left-handed grid around: the same voxels in another order.
    theirs = resample(load_volume(files["moved"]), fixed.grid, interpolation="nearest").array
    assert np.abs(theirs - ours).max() < TOLERANCE
    read = resample(moving, fixed.grid, load_transform(files["field"])).array
    assert np.abs(read - ours).max() < TOLERANCE
