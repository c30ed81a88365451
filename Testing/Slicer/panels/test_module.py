"""The module as a whole: what it loads, where it finds its library, what it offers to install."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import types
from pathlib import Path
from urllib.request import urlopen

import pytest
import slicer

from RegQCUI import panels as listed
from RegQCUI.panels import PANELS

ROOT = Path(__file__).resolve().parents[3]
NOT_IN_SLICER = ("torch", "openvino", "onnxruntime", "nibabel", "jinja2", "rich", "typer")

# A Slicer as it was installed: none of these packages can be imported.
LOAD_WITHOUT = """
import sys
sys.path.insert(0, {testing!r})
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)
sys.meta_path.insert(0, Missing())
from pathlib import Path
from SlicerHost.host import startHost
host = startHost()
module = host.load(Path({file!r}))
widget = module.widgetRepresentation().self()
import RegQCLib, RegQCUI
print("panels", *(type(panel).__name__ for panel in widget.shell.panels))
print("from", Path(RegQCLib.__file__).parents[1], Path(RegQCUI.__file__).parents[1])
print("problems", host.problems())
"""

RELOAD = """
import sys
sys.path.insert(0, {testing!r})
from SlicerHost.host import startHost
host = startHost()
first = host.load().widgetRepresentation().self()
before = sys.modules["RegQCUI.check_panel"], sys.modules["RegQCLib"]
first.onReload()
import slicer
assert sys.modules["RegQCUI.check_panel"] is not before[0]
assert sys.modules["RegQCLib"] is not before[1]
assert slicer.modules.RegQCWidget is not first
assert not host.problems(), host.problems()
"""


def loaded_without_packages(file: Path) -> dict[str, str]:
    script = LOAD_WITHOUT.format(
        testing=str(ROOT / "Testing"), missing=NOT_IN_SLICER, file=str(file)
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = [line.partition(" ")[::2] for line in done.stdout.splitlines()]
    return {name: value for name, value in told if name in ("panels", "from", "problems")}


def test_the_module_opens_where_every_package_is_missing(host):
    told = loaded_without_packages(ROOT / "RegQC" / "RegQC.py")
    assert told["panels"].split() == [name for _module, name in PANELS]
    assert told["problems"] == "[]"
    assert told["from"] == f"{ROOT} {ROOT / 'RegQC'}"


def test_a_broken_panel_says_so_and_stops_no_other(host, pair, monkeypatch, caplog):
    from RegQCUI.inspect_panel import InspectPanel

    monkeypatch.setattr(InspectPanel, "_onMode", lambda _self: 1 / 0)
    monkeypatch.setattr(listed, "PANELS", (*PANELS[:3], ("no_panel", "CorrectPanel")))
    loaded = host.load()
    widget = loaded.widgetRepresentation().self()
    *good, half, absent = widget.shell.panels
    assert [type(one).__name__ for one in good] == ["InputsPanel", "CheckPanel"]
    assert (half.title, absent.title) == ("Inspect (not available)", "Correct (not available)")
    assert "ZeroDivisionError" in half.notices.shown[0][1]
    assert "No module named 'RegQCUI.no_panel'" in absent.notices.shown[0][1]
    assert not widget.shell.sections[2].collapsed
    assert len(caplog.records) == 2
    widget.session.parameters.fixedVolume, widget.session.parameters.movingVolume = pair
    host.app.processEvents()
    assert good[1].ui.checkButton.enabled
    host.unload(loaded)


def test_an_installed_module_takes_the_library_beside_it(host, tmp_path):
    skip = shutil.ignore_patterns("__pycache__", "weights")
    shutil.copytree(ROOT / "RegQC", tmp_path, ignore=skip, dirs_exist_ok=True)
    shutil.copytree(ROOT / "RegQCLib", tmp_path / "RegQCLib", ignore=skip)
    told = loaded_without_packages(tmp_path / "RegQC.py")
    assert told["from"] == f"{tmp_path} {tmp_path}"
    assert told["problems"] == "[]"


def test_the_sample_data_are_offered_with_their_checksums(host, monkeypatch):
    from RegQCScene import sample_data

    offered = {}

    class SampleDataLogic:
        @staticmethod
        def registerCustomSampleDataSource(sampleName, **source):
            offered[sampleName] = source

    monkeypatch.setitem(sys.modules, "SampleData", types.SimpleNamespace(**locals()))
    sample_data.registerSampleData()
    assert set(offered) == {"RegQC_AlignedPair", "RegQC_MovedPair"}
    moved = offered["RegQC_MovedPair"]
    assert moved["loadFileType"] == ["VolumeFile", "VolumeFile", "TransformFile"]
    for source in offered.values():
        lengths = {len(source[name]) for name in ("uris", "fileNames", "nodeNames", "checksums")}
        assert len(lengths) == 1
        assert Path(source["thumbnailFileName"]).is_file()
        for uri, checksum in zip(source["uris"], source["checksums"], strict=True):
            with urlopen(uri) as file:
                assert checksum == "SHA256:" + hashlib.sha256(file.read()).hexdigest()


def test_the_sample_loads(host):
    from RegQCScene.sample_data import loadSample

    fixed, moving, moved = loadSample()
    assert fixed.GetName() == "RegQC_FLAIR"
    assert moving.GetImageData() is not None
    assert moved.IsA("vtkMRMLTransformNode")


@pytest.fixture
def missing(monkeypatch, tmp_path):
    """requirements.txt asks for a package that does not exist, and for a later one."""
    from RegQCUI import dependencies

    file = tmp_path / "requirements.txt"
    file.write_text("# a comment\nno-such-package>=1.2\nnumpy>=999.0\npytest>=7\n")
    monkeypatch.setattr(dependencies, "resourcePath", lambda _name: str(file))
    return dependencies


def test_what_is_missing_is_named(missing):
    assert missing.missingRequirements() == ["no-such-package>=1.2", "numpy>=999.0"]


def test_packages_are_installed_through_slicer_after_asking(host, missing, monkeypatch):
    from slicer import packaging

    packaging.installed.clear()
    host.app.setTestingEnabled(False)
    asked = []
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", asked.append)
    with pytest.raises(RuntimeError, match="no-such-package"):
        missing.ensureRequirements()
    assert len(asked) == 1
    assert packaging.installed == []
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", bool)
    with pytest.raises(RuntimeError, match="Still missing: no-such-package"):
        missing.ensureRequirements()
    assert packaging.installed == [["no-such-package>=1.2", "numpy>=999.0"]]


def test_slicer_5_10_has_another_way(host, missing, monkeypatch):
    monkeypatch.setitem(sys.modules, "slicer.packaging", None)
    monkeypatch.delattr(slicer, "packaging", raising=False)
    installed = []
    monkeypatch.setattr(slicer.util, "pip_install", installed.append, raising=False)
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda _text: False)
    with pytest.raises(RuntimeError, match="Nothing was installed"):
        missing.ensureRequirements()
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda _text: True)
    with pytest.raises(RuntimeError, match="Still missing"):
        missing.ensureRequirements()
    assert installed == [["no-such-package>=1.2", "numpy>=999.0"]]


def test_a_pip_that_fails_is_told_in_one_line(host, missing, monkeypatch):
    from slicer import packaging

    def fail(*_arguments, **_options):
        raise subprocess.CalledProcessError(1, ["pip"])

    monkeypatch.setattr(packaging, "pip_ensure", fail)
    with pytest.raises(RuntimeError, match="could not install no-such-package"):
        missing.ensureRequirements()


def test_an_error_stands_where_the_user_looks(module, host):
    widget = module.widgetRepresentation().self()
    shell, session = widget.shell, widget.session
    sections = {one.objectName: one for one in shell.sections}
    session.message.emit("on top", "error")
    assert shell.notices.widget.isVisible()
    assert not any(one.isAncestorOf(shell.notices.widget) for one in shell.sections)
    record = sections["RecordPanelSection"]
    record.collapsed = False
    next(p for p in shell.panels if type(p).__name__ == "RecordPanel").ui.reviewerEdit.setFocus()
    host.app.processEvents()
    session.message.emit("it failed", "error")
    assert record.isAncestorOf(shell.notices.widget)
    assert shell.notices.shown == [("error", "it failed")]
    said = [one.text for one in shell.notices.widget.findChildren("QLabel")]
    assert "It failed" in said
    assert shell.notices.widget.isVisible()
    for collapsed in (True, False):
        record.collapsed = collapsed
        host.app.processEvents()
        assert shell.notices.widget.isVisible() is not collapsed
    session.inputsChanged.emit()
    assert not shell.notices.widget.isVisible()


def test_torch_comes_through_its_extension_alone(host, monkeypatch):
    from RegQCUI import dependencies

    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    with pytest.raises(RuntimeError, match="extension PyTorch"):
        dependencies.installTorch()
    asked = {}

    class PyTorchUtilsLogic:
        def installTorch(self, **options):
            asked.update(options)

    monkeypatch.setitem(
        sys.modules, "PyTorchUtils", types.SimpleNamespace(PyTorchUtilsLogic=PyTorchUtilsLogic)
    )
    with pytest.raises(RuntimeError, match="was not installed"):
        dependencies.installTorch()
    assert asked == {"askConfirmation": True, "torchVersionRequirement": ">=2.2"}


def test_torch_is_asked_for_only_where_it_is_missing(host, monkeypatch):
    from RegQCUI import dependencies

    monkeypatch.delenv("REGQC_PYTHON", raising=False)
    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    monkeypatch.setattr(dependencies, "torchIsInstalled", lambda: True)
    dependencies.ensureTorch()
    monkeypatch.setattr(dependencies, "torchIsInstalled", lambda: False)
    with pytest.raises(RuntimeError, match="extension PyTorch"):
        dependencies.ensureTorch()
    monkeypatch.setenv("REGQC_PYTHON", "/another/python")
    dependencies.ensureTorch()


def test_a_reload_reads_all_files_again(host):
    """In a process of its own: other tests hold on to what was imported first."""
    script = RELOAD.format(testing=str(ROOT / "Testing"))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["test_files", "test_panels"])
def test_the_self_test_of_reload_and_test_passes(panels, name):
    import RegQC as module

    case = module.RegQCTest(name)
    case.setUp()
    getattr(case, name)()
    assert panels.parameters.fixedVolume is None


def test_a_scene_of_an_older_version_takes_the_defaults(panels, tmp_path):
    file = tmp_path / "old.mrml"
    panels.choosePair()
    panels.inputs.ui.toleranceSpinBox.setValue(2.5)
    for node in (panels.fixed, panels.moving):
        slicer.mrmlScene.RemoveNode(node)
    slicer.util.saveScene(str(file))
    text = file.read_text()
    assert '"toleranceMm 2.5"' in text
    file.write_text(text.replace('"toleranceMm 2.5"', '"unknown 2.5"'))
    slicer.util.loadScene(str(file))
    panels.settle()
    assert panels.inputs.ui.toleranceSpinBox.value == 1.5
