"""pytest fixtures and hooks over the host, for the conftest.py of each folder that uses it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from SlicerHost.rendering import whyNoScene, whyNot

if TYPE_CHECKING:
    from SlicerHost.host import Host

SAMPLE = Path(__file__).resolve().parents[2] / "Resources" / "SampleData"
# What a test file needs before its own imports work.
_NEEDS_SCENE = re.compile(r"^(import|from) (slicer|vtk|RegQC|RegQCScene)\b", re.MULTILINE)
_NEEDS_QT = re.compile(r"^(import|from) (qt|ctk|PySide6|RegQCUI)\b", re.MULTILINE)


class SkippedFile(pytest.Module):
    """A test file that cannot be imported here."""

    def collect(self) -> list[pytest.Item]:
        pytest.skip(whyNoScene() or whyNot(), allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: Any) -> pytest.Module | None:
    """Start what a file imports, or skip the file and say why."""
    text = module_path.read_text(encoding="utf-8")
    if _NEEDS_QT.search(text):
        if whyNot():
            return SkippedFile.from_parent(parent, path=module_path)
        from SlicerHost.host import startHost

        startHost()
    elif _NEEDS_SCENE.search(text):
        if whyNoScene():
            return SkippedFile.from_parent(parent, path=module_path)
        from SlicerHost.core import startCore

        startCore()
    return None


@pytest.fixture
def scene() -> Iterator[Any]:
    """An empty scene with Slicer's logics; the same object for all tests. Needs no Qt."""
    if whyNoScene():
        pytest.skip(whyNoScene())
    from SlicerHost.core import startCore

    core = startCore()
    core.scene.Clear()
    core.messages.clear()
    yield core.scene
    core.scene.Clear()


@pytest.fixture
def host(scene: Any) -> Iterator[Host]:
    """The scene with a main window and views; fails where anything went wrong unseen."""
    if whyNot():
        pytest.skip(whyNot())
    import slicer

    from SlicerHost.host import startHost

    running = startHost()
    running.layoutManager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
    running.app.setTestingEnabled(True)
    running.app.processEvents()
    running.clearProblems()
    yield running
    running.app.processEvents()
    problems = running.problems()
    assert not problems, "\n".join(problems)


@pytest.fixture
def module(host: Host) -> Iterator[Any]:
    """The module RegQC, loaded and open; `module.widgetRepresentation().self()` is its widget."""
    loaded = host.load()
    yield loaded
    host.unload(loaded)


@pytest.fixture
def pair(scene: Any) -> tuple[Any, Any]:
    """The sample pair as volume nodes (fixed: FLAIR, moving: T1-weighted)."""
    import slicer

    fixed = slicer.util.loadVolume(str(SAMPLE / "flair.nii.gz"), {"name": "flair"})
    moving = slicer.util.loadVolume(str(SAMPLE / "t1w.nii.gz"), {"name": "t1w"})
    return fixed, moving
