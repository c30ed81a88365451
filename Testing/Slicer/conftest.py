"""Fixtures for tests of the Slicer module; without slicer-core these tests are skipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# Tests in this folder are not even imported without slicer-core: they all import slicer.
collect_ignore_glob: list[str] = []

try:
    import slicer
    import vtk  # noqa: F401
except ImportError as error:
    MISSING = f"slicer-core cannot be imported ({error}): pip install '.[slicer-test]'"
    collect_ignore_glob = ["test_*.py"]
else:
    MISSING = ""

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "Resources" / "SampleData"


@pytest.fixture
def scene() -> Iterator[Any]:
    """An empty scene with Slicer's logics, without Qt; the same object for all tests."""
    from SlicerHost.core import startCore

    core = startCore()
    core.scene.Clear()
    core.messages.clear()
    yield core.scene
    core.scene.Clear()


@pytest.fixture
def pair(scene: Any) -> tuple[Any, Any]:
    """The sample pair as volume nodes (fixed: FLAIR, moving: T1-weighted)."""
    fixed = slicer.util.loadVolume(str(SAMPLE / "flair.nii.gz"), {"name": "flair"})
    moving = slicer.util.loadVolume(str(SAMPLE / "t1w.nii.gz"), {"name": "t1w"})
    return fixed, moving
