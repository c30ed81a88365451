"""What loads with the module needs only what Slicer brings along."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

# Packages that a fresh Slicer does not have.
MISSING = ("jinja2", "jsonschema", "monai", "nibabel", "openvino", "rich", "torch", "typer")
FIRST = (
    "parameters",
    "session",
    "result_nodes",
    "slice_views",
    "volume_exchange",
    "transform_exchange",
    "mask_exchange",
    "job",
    "stepped_job",
)
PROGRAM = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {MISSING!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
from SlicerHost.core import startCore
startCore()
import importlib
for name in {FIRST!r}:
    importlib.import_module(f"RegQCScene.{{name}}")
assert not {{"qt", "ctk"}} & set(sys.modules), "the scene's side knows no windows"
import slicer
from RegQCScene.parameters import RegQCParameters
from RegQCScene.session import Session
Session(RegQCParameters(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")))
"""


def test_a_fresh_slicer_has_all_that_is_needed_at_first(scene, monkeypatch):
    path = [ROOT, ROOT / "RegQC", ROOT / "Testing"]
    monkeypatch.setenv("PYTHONPATH", ":".join(map(str, path)))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_default_tolerance_is_the_calibrated_one(scene):
    from RegQCLib.qc.calibration import load_calibration
    from RegQCLib.qc.inference import WEIGHTS
    from RegQCScene.parameters import TOLERANCE_MM

    assert load_calibration(WEIGHTS / "calibration.json").tolerance_mm == TOLERANCE_MM
