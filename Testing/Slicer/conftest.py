"""Fixtures for tests of the Slicer module; without slicer-core these tests are skipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from SlicerHost.host import Host

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "Resources" / "SampleData"

try:
    import slicer
except ImportError:
    # The tests' files import slicer themselves, so they are not even collected.
    collect_ignore_glob = ["*/test_*.py", "test_*.py"]


def pytest_report_header() -> str:
    """Say once why tests of the Slicer module are left out."""
    from SlicerHost.rendering import whyNot

    missing = whyNot()
    return f"Slicer module: GUI tests are skipped: {missing}" if missing else "Slicer module: all"


@pytest.fixture
def scene() -> Iterator[Any]:
    """An empty scene with Slicer's logics; the same object for all tests. Needs no Qt."""
    from SlicerHost.core import startCore

    core = startCore()
    core.scene.Clear()
    core.messages.clear()
    yield core.scene
    core.scene.Clear()


@pytest.fixture
def host(scene: Any) -> Iterator[Host]:
    """The scene with a main window and views; fails where anything went wrong unseen."""
    from SlicerHost.rendering import whyNot

    if whyNot():
        pytest.skip(whyNot())
    from SlicerHost.host import startHost

    running = startHost()
    running.layoutManager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
    running.app.setTestingEnabled(True)
    running.app.processEvents()
    running.clearProblems()
    yield running
    running.app.processEvents()
    assert running.problems() == []


@pytest.fixture
def module(host: Host) -> Iterator[Any]:
    """The module RegQC, loaded and open; `module.widgetRepresentation().self()` is its widget."""
    loaded = host.load()
    yield loaded
    host.unload(loaded)


@pytest.fixture
def pair(scene: Any) -> tuple[Any, Any]:
    """The sample pair as volume nodes (fixed: FLAIR, moving: T1-weighted)."""
    fixed = slicer.util.loadVolume(str(SAMPLE / "flair.nii.gz"), {"name": "flair"})
    moving = slicer.util.loadVolume(str(SAMPLE / "t1w.nii.gz"), {"name": "t1w"})
    return fixed, moving
