"""What an installed RegQC has: every module, and every file that is no module but read by one."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

setuptools = pytest.importorskip("setuptools")
ROOT = Path(__file__).resolve().parents[2]
OF_THE_SLICER_EXTENSION = {"CMakeLists.txt"}


@pytest.fixture(scope="module")
def wheel():
    """Names of files in a wheel, as setuptools finds them; nothing is built."""
    from setuptools.config.pyprojecttoml import apply_configuration

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        distribution = apply_configuration(
            setuptools.Distribution({"script_name": "pyproject.toml"}), "pyproject.toml"
        )
        distribution.include_package_data = False  # it would write RegQC.egg-info
        build = distribution.get_command_obj("build_py")
        build.ensure_finalized()
        modules = [Path(file) for _package, _module, file in build.find_all_modules()]
        data = [
            Path(folder) / name
            for _package, folder, _built, names in build.data_files
            for name in names
        ]
        return {file.as_posix() for file in (*modules, *data)}


def files(*patterns):
    """Files of the library by patterns, without what Python and editors leave."""
    found = {path for pattern in patterns for path in (ROOT / "RegQCLib").glob(pattern)}
    return {
        path.relative_to(ROOT).as_posix()
        for path in found
        if path.is_file()
        and not {"__pycache__", ".ipynb_checkpoints"} & set(path.parts)
        and path.name not in OF_THE_SLICER_EXTENSION
        and not path.name.startswith(".")
    }


def test_nothing_is_missing_and_nothing_else_is_in_it(wheel):
    assert wheel == files("**/*")


@pytest.mark.parametrize(("pattern", "some"), [
    ("batch/page/*", {"main.js", "page.css", "page.html.j2"}),
    ("report/*.*", {"report.html.j2", "style.css", "schema.json"}),
    ("weights/*", {"matcher.bin", "matcher.xml", "slice_classifier.bin", "calibration.json",
                   "SHA256SUMS"}),
    ("training/configs/*", {"matcher.toml", "slice_classifier.toml"}),
    ("*", {"py.typed"}),
])  # fmt: skip
def test_what_programs_read_is_in_it(wheel, pattern, some):
    wanted = files(pattern)
    assert some <= {PurePosixPath(name).name for name in wanted}
    assert wanted <= wheel
