"""The bundled sample, for tests of whole registrations."""

from __future__ import annotations

from pathlib import Path

import pytest

from RegQCLib.geometry.image_io import load_volume
from RegQCLib.geometry.transform_io import load_transform

SAMPLE = Path(__file__).parents[3] / "Resources" / "SampleData"


@pytest.fixture(scope="session")
def sample():
    """Two contrasts of one head that are aligned, and a transform that misaligns them."""
    fixed, moving = (load_volume(SAMPLE / name) for name in ("t1w.nii.gz", "flair.nii.gz"))
    return fixed, moving, load_transform(SAMPLE / "moved.tfm")
