"""Fixtures of the scene's side: a pair of small volumes, and a stand-in for the child process."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from SlicerHost.fixtures import host, scene

__all__ = ["host", "scene"]

# Speaks the protocol of `regqc`; the first argument says what to do.
CHILD = """
import json, subprocess, sys, time

def say(**line):
    print(json.dumps(line), flush=True)

def sleeper():
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])

what, rest = sys.argv[1], sys.argv[2:]
assert rest[-2:] == ["--progress", "json"], rest
if what == "succeed":
    for step in range(5):
        say(event="progress", stage="working", fraction=step / 4)
    print("a library speaks up")
    say(event="result", summary="all is well", value=[1, 2], out=rest[0])
elif what == "refuse":
    say(event="error", message=f"{rest[0]}: is empty; export it again")
    sys.exit(2)
elif what == "crash":
    sys.exit(repr(1 / 0))
elif what == "vanish":
    say(event="progress", stage="working", fraction=0.5)
    sys.exit(7)
elif what == "endless":
    child = sleeper()
    open(rest[0], "w").write("half")
    say(event="progress", stage=str(child.pid), fraction=0.25)
    while True:
        time.sleep(0.02)
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a module for `Job` that stands in for RegQCLib."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "stand_in_child.py").write_text(CHILD)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return "stand_in_child"


@pytest.fixture
def volumes(scene: Any) -> tuple[Any, Any]:
    """A fixed and a moving volume of a few voxels."""
    from scene.scene_builders import addVolume, affineOf

    return addVolume(name="fixed"), addVolume(name="moving", affine=affineOf(mirrored=True))


@pytest.fixture
def parameters(volumes: tuple[Any, Any]) -> Any:
    """A parameter node on which the two volumes are chosen."""
    import slicer

    from RegQCScene.parameters import RegQCParameters

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode", "RegQC")
    result = RegQCParameters(node)
    result.fixedVolume, result.movingVolume = volumes
    return result


@pytest.fixture
def canned(scene: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Checks are answered at once, with a known result."""
    from scene.canned_check import CannedCheck

    from RegQCScene import check_job

    stand_in = CannedCheck()
    monkeypatch.setattr(check_job, "childSteps", stand_in)
    return stand_in


@pytest.fixture(autouse=True)
def tidy(scene: Any) -> Any:
    """Each test starts without temporary folders of another."""
    import slicer

    yield
    for folder in Path(slicer.app.temporaryPath).glob("regqc-*"):
        shutil.rmtree(folder)
