"""The console's functions: nodes and keywords in, results out."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import slicer
from scene.scene_builders import addField, addLinear, addVolume, mapped, truth, under

from RegQCLib.errors import InputError
from RegQCLib.geometry.image_io import load_volume, save_volume
from RegQCLib.geometry.transform_io import load_transform, save_transform
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCScene import logic_api, registration_job, slice_fix
from RegQCScene.job import Event
from RegQCScene.volume_exchange import gridFromNode, volumeFromNode

ROOT = Path(__file__).resolve().parents[3]
FOUND = Affine.rigid((2, 3, 4), (5, -6, 7))


def names():
    return sorted(node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLNode"))


class TestCheck:
    def test_a_result_and_its_nodes(self, volumes, canned):
        told = []
        result = logic_api.check(*volumes, onProgress=lambda *one: told.append(one))
        assert result.verdict == "misaligned"
        assert result.nodes["errorMap"].GetImageData() is not None
        assert ("matching slices", 0.1) in told
        assert result.folder is None
        assert list(Path(slicer.app.temporaryPath).glob("regqc-*")) == []
        assert canned.calls[0][-2:] == ["--device", "auto"], "the calibrated tolerance is used"

    def test_options_and_files(self, volumes, canned, tmp_path):
        before = names()
        mask = addVolume(np.ones((5, 7, 6), np.uint8), None, "brain", "vtkMRMLLabelMapVolumeNode")
        transform = addLinear(np.diag([1.1, 1, 1, 1]))
        result = logic_api.check(
            *volumes,
            transform,
            mask=mask,
            toleranceMm=2,
            device="cpu",
            folder=tmp_path / "new" / "report",
            makeNodes=False,
        )
        assert result.folder == tmp_path / "new" / "report"
        assert (result.folder / "report.html").exists()
        assert set(names()) - set(before) == {"brain", "linear"}
        assert canned.images["mask"].array.all()
        (arguments,) = canned.calls
        assert arguments[-4:] == ["--device", "cpu", "--tolerance", "2.0"]
        assert volumes[1].GetParentTransformNode() is None

    def test_what_cannot_be_done_is_a_value_error(self, volumes, canned, tmp_path):
        before = names()
        with pytest.raises(ValueError, match="exists already"):
            logic_api.check(*volumes, folder=tmp_path)
        with pytest.raises(ValueError, match="both fixed and moving"):
            logic_api.check(volumes[0], volumes[0])

        def refuse():
            raise InputError("fixed: every voxel is NaN; export the image again")

        canned.whileItRuns = refuse
        with pytest.raises(ValueError, match="every voxel is NaN"):
            logic_api.check(*volumes, folder=tmp_path / "report")
        assert not (tmp_path / "report").exists()
        assert names() == before


class TestRegister:
    @pytest.fixture
    def calls(self, monkeypatch):
        """Registrations are answered at once."""
        made = []

        def child(arguments, _folder, span, *_module):
            made.append(arguments)
            yield Event("progress", "registering", span[0])
            out = Path(arguments[arguments.index("--out") + 1])
            out.mkdir()
            (out / "report.json").write_text(json.dumps({"kind": "rigid"}))
            save_transform(FOUND, out / "transform.h5")
            return {"summary": f"rigid: better; results in {out}"}

        monkeypatch.setattr(registration_job, "childSteps", child)
        return made

    def test_a_transform_node_that_moves_the_volume(self, volumes, calls, tmp_path):
        fixed, moving = volumes
        result = logic_api.register(*volumes, folder=tmp_path / "out")
        assert result.summary == "rigid: better"
        assert result.report == {"kind": "rigid"}
        assert moving.GetParentTransformNode() is None, "inputs stay where they are"
        under(moving, result.transformNode)
        points = gridFromNode(fixed).points().reshape(-1, 3)[::30]
        np.testing.assert_allclose(
            mapped(truth(None, result.transformNode), points), FOUND.apply(points), atol=1e-6
        )
        assert (tmp_path / "out" / "transform.h5").exists()
        assert calls[0][calls[0].index("--kind") + 1] == "rigid"
        assert "--init" not in calls[0]

    def test_it_starts_from_where_the_volume_lies(self, volumes, calls):
        start = addLinear(Affine.rigid((0, 0, 9)).matrix)
        logic_api.register(*volumes, start, kind="affine", options=["--crop"])
        assert "--init" in calls[0]
        assert "--crop" in calls[0]


def test_fixed_slices_are_a_new_volume_in_the_same_place(volumes, monkeypatch, tmp_path):
    def child(arguments, _folder, span):
        yield Event("progress", "matching", span[0])
        out = Path(arguments[arguments.index("--out") + 1])
        out.mkdir()
        stack = load_volume(arguments[1])
        save_volume(stack.with_array(stack.array + 1), out / "corrected.nii.gz")
        (out / "report.json").write_text(json.dumps({"summary": "1 slice moved"}))
        assert arguments[arguments.index("--slices") + 1] == "2,3"
        return {"moved": [3], "notes": []}

    monkeypatch.setattr(slice_fix, "childSteps", child)
    volume = under(volumes[0], addLinear(np.diag([-1.0, -1, 1, 1])))
    result = logic_api.fixSlices(volume, slices=[3, 2], folder=tmp_path / "out")
    assert (result.moved, result.summary) == ([3], "1 slice moved")
    fixed = volumeFromNode(result.volumeNode)
    assert fixed.grid.same_as(gridFromNode(volume), tolerance_mm=1e-9)
    np.testing.assert_allclose(fixed.array, volumeFromNode(volume).array + 1, rtol=1e-6)
    assert (tmp_path / "out" / "corrected.nii.gz").exists()


def test_export_in_files_of_other_programs(volumes, tmp_path):
    """The real command; the files mean the same to RegQCLib as the nodes do to Slicer."""
    fixed, moving = volumes
    motion = Affine.rigid((3, -2, 4), (1, 2, -1)).matrix
    under(moving, addLinear(motion))
    node = logic_api.export(fixed, moving, folder=tmp_path / "out")
    points = gridFromNode(fixed).points().reshape(-1, 3)[::30]
    files = [path for path in (tmp_path / "out").iterdir() if path.suffix in {".tfm", ".h5"}]
    assert files
    for path in files:
        if "inverse" not in path.name:
            np.testing.assert_allclose(
                load_transform(path).apply(points),
                mapped(truth(None, moving.GetParentTransformNode()), points),
                atol=1e-4,
            )
    assert gridFromNode(node).same_as(gridFromNode(fixed))


class TestExample:
    SCRIPT = ROOT / "Resources" / "Examples" / "check_in_slicer.py"

    @pytest.fixture
    def files(self, tmp_path):
        affine = np.diag([2.0, 2, 3, 1])
        array = np.random.default_rng(0).normal(100, 20, (8, 9, 10)).astype(np.float32)
        for name in ("fixed", "moving"):
            save_volume(Volume(array, affine), tmp_path / f"{name}.nii.gz")
        return [str(tmp_path / f"{name}.nii.gz") for name in ("fixed", "moving")]

    def run(self, monkeypatch, *arguments):
        monkeypatch.setattr(sys, "argv", [str(self.SCRIPT), *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(self.SCRIPT), run_name="__main__")
        return ended.value.code

    def test_it_reports(self, files, canned, monkeypatch, tmp_path, capsys):
        save_transform(FOUND, tmp_path / "found.tfm")
        out = tmp_path / "report"
        assert self.run(monkeypatch, *files, out, tmp_path / "found.tfm") == 3
        printed = capsys.readouterr().out
        assert "misaligned: estimated error 3.0 mm" in printed
        assert "look at axial slice 4, at 40 mm" in printed
        assert (out / "report.html").exists()
        assert "--transform" in canned.calls[0]

    def test_it_refuses_in_one_line(self, files, canned, monkeypatch, tmp_path, capsys):
        assert self.run(monkeypatch, *files, tmp_path) == 2
        assert capsys.readouterr().err.splitlines()[0].startswith("error: ")
        assert self.run(monkeypatch, *files) == 2
        assert canned.calls == []


def test_the_command_takes_our_arguments_and_its_refusal_names_the_node(scene):
    """No stand-in: the child reads our files and options, and finds nothing to compare."""
    fixed = addVolume(name="knee (left)")
    flat = addVolume(np.full((5, 7, 6), 7, np.int16), name="empty: S\u00e4ge")
    mask = addVolume(np.ones((5, 7, 6), np.uint8), None, "mask", "vtkMRMLLabelMapVolumeNode")
    with pytest.raises(ValueError, match="empty: S\u00e4ge: every voxel has the value 7"):
        logic_api.check(
            fixed, flat, addField(), mask=mask, toleranceMm=2, betweenPeople=True, device="cpu"
        )
