"""The extension as CMake installs it: every file beside RegQC.py, and a check that runs there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOCK = Path(__file__).parent / "mock_package"
MODULES = "lib/Slicer-5.12/qt-scripted-modules"
NO_FILES = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")

CMAKE = shutil.which("cmake", path=str(Path(sys.executable).parent)) or shutil.which("cmake")
needs_cmake = pytest.mark.skipif(
    CMAKE is None or not (shutil.which("make") and shutil.which("cc")),
    reason="CMake, make and a C compiler are needed to package the extension",
)


def run(*command: str | Path, **options) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files_of(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """A copy of the repository's extension files, as a fresh clone would have them."""
    copy = tmp_path_factory.mktemp("source") / "SlicerRegQC"
    copy.mkdir()
    for name in ("CMakeLists.txt", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for name in ("RegQC", "RegQCLib", "Resources"):
        shutil.copytree(ROOT / name, copy / name, ignore=NO_FILES)
    return copy


@pytest.fixture(scope="module")
def build(source, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("build")
    configure = [CMAKE, "-S", source, "-B", folder, "-G", "Unix Makefiles"]
    run(*configure, f"-DSlicer_DIR={MOCK}", "-Wno-dev")
    run(CMAKE, "--build", folder, "--parallel", "2")
    return folder


@pytest.fixture(scope="module")
def installed(build, tmp_path_factory) -> Path:
    prefix = tmp_path_factory.mktemp("prefix")
    run(CMAKE, "--install", build, "--prefix", prefix)
    return prefix / MODULES


@needs_cmake
def test_every_file_of_the_library_lands_beside_the_module(installed, source):
    wanted = files_of(source / "RegQCLib") - {"CMakeLists.txt"}
    assert files_of(installed / "RegQCLib") == wanted
    for name in ("weights/matcher.bin", "report/schema.json", "qc/networks/matcher.py", "py.typed",
                 "batch/page/main.js"):  # fmt: skip
        assert name in wanted
    for name in wanted:
        assert (installed / "RegQCLib" / name).read_bytes() == (
            source / "RegQCLib" / name
        ).read_bytes(), name


@needs_cmake
def test_every_file_of_the_module_lands(installed, source):
    landed = {name for name in files_of(installed) if not name.startswith("RegQCLib/")}
    sample = {f"Resources/SampleData/{name}" for name in files_of(source / "Resources/SampleData")}
    sample.remove("Resources/SampleData/make_sample.py")
    module = files_of(source / "RegQC") - {"CMakeLists.txt", "Resources/Icons/make_icons.py"}
    assert landed == module | sample
    for name in ("Resources/UI/Check.ui", "Resources/Icons/RegQC.png", "RegQCScene/session.py"):
        assert name in landed


@needs_cmake
def test_a_new_file_is_noticed_by_the_next_build(installed, source, build, tmp_path):
    new = ["RegQCLib/qc/networks/added.py", "RegQCLib/weights/added.bin", "RegQC/RegQCUI/added.py"]
    for name in new:
        (source / name).write_text("# added\n")
    try:
        run(CMAKE, "--build", build)
        run(CMAKE, "--install", build, "--prefix", tmp_path)
    finally:
        for name in new:
            (source / name).unlink()
    for name in new:
        assert not (installed / name.removeprefix("RegQC/")).exists()
        assert (tmp_path / MODULES / name.removeprefix("RegQC/")).is_file()


@needs_cmake
def test_the_self_test_is_known_to_ctest(build):
    assert "py_RegQC" in run(CMAKE.replace("cmake", "ctest"), "-N", cwd=build)


@needs_cmake
def test_the_installed_library_checks_the_installed_sample(installed, tmp_path):
    sample = installed / "Resources" / "SampleData"
    environment = {**os.environ, "PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}
    where = "import RegQCLib; print(RegQCLib.__file__)"
    found = run(sys.executable, "-c", where, env=environment, cwd=tmp_path)
    assert Path(found.strip()).parent == installed / "RegQCLib"
    command = [sys.executable, "-m", "RegQCLib", "check", sample / "flair.nii.gz"]
    command += [sample / "t1w.nii.gz", "--transform", sample / "moved.tfm"]
    run(*command, "--out", tmp_path / "out", env=environment, cwd=tmp_path)
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["verdict"] == "misaligned"
