"""What the Extensions Index, its reviewers and the Extension Wizard read from the tree."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path

import pytest
from repository_links import repository, write_links

try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
TOP = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
ENTRY = ROOT / "Resources" / "RegQC.json"
KEYS = {"$schema", "category", "scm_url"}
OPTIONAL_KEYS = {
    "build_dependencies",
    "build_subdirectory",
    "enabled",
    "scm_revision",
    "scm_type",
    "tier",
}
SHIPPED_WITH_SLICER = {"numpy", "scipy", "SimpleITK"}


def value(name: str) -> str:
    """Read a variable as the Index's checks do: by a regular expression."""
    found = re.search(rf'^set\(EXTENSION_{name} "([^"]+)"\)', TOP, re.MULTILINE)
    assert found, f"EXTENSION_{name} is not set to a text in one line"
    return found.group(1)


def png_size(path: Path) -> tuple[int, int]:
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", head[16:24])


def test_the_index_entry_agrees_with_the_project():
    assert b"\r" not in ENTRY.read_bytes()
    entry = json.loads(ENTRY.read_text(encoding="utf-8"))
    assert set(entry) >= KEYS
    assert set(entry) <= KEYS | OPTIONAL_KEYS
    assert f"project({ENTRY.stem})" in TOP
    assert not ENTRY.stem.startswith("Slicer")
    repository = entry["scm_url"].removesuffix(".git")
    assert repository.rpartition("/")[2].startswith("Slicer")
    assert value("HOMEPAGE").startswith(repository)
    assert entry["category"] == value("CATEGORY")
    assert bool(entry.get("build_dependencies")) == ('EXTENSION_DEPENDS "NA"' not in TOP)


@pytest.mark.parametrize("name", ["ICONURL", "SCREENSHOTURLS"])
def test_pictures_lie_where_the_links_point(name):
    repository = json.loads(ENTRY.read_text(encoding="utf-8"))["scm_url"].removesuffix(".git")
    owner = repository.removeprefix("https://github.com/")
    start = f"https://raw.githubusercontent.com/{owner}/main/"
    assert value(name).startswith(start)
    png_size(ROOT / value(name).removeprefix(start))


def test_the_owner_stands_in_one_place(tmp_path):
    (tmp_path / "Resources").mkdir()
    (tmp_path / "CMakeLists.txt").write_text(TOP, encoding="utf-8")
    entry = tmp_path / "Resources" / "RegQC.json"
    entry.write_text(ENTRY.read_text(encoding="utf-8"), encoding="utf-8")
    owner = repository(tmp_path)
    write_links(tmp_path)
    assert (tmp_path / "CMakeLists.txt").read_text(encoding="utf-8") == TOP  # all agree already
    entry.write_text(json.dumps({"scm_url": "https://github.com/a-b/SlicerC.git"}))
    links = write_links(tmp_path)
    text = (tmp_path / "CMakeLists.txt").read_text(encoding="utf-8")
    assert owner not in text
    assert len(links) == 3
    assert text == TOP.replace(owner, "a-b/SlicerC")
    entry.write_text(json.dumps({"scm_url": "git@elsewhere:x"}))
    with pytest.raises(ValueError, match="scm_url"):
        write_links(tmp_path)


def test_the_icon_has_the_size_that_the_index_shows():
    assert png_size(ROOT / "RegQC" / "Resources" / "Icons" / "RegQC.png") == (128, 128)


def test_the_extension_wizard_finds_its_markers():
    lines = TOP.splitlines()
    marker = lines.index("## NEXT_MODULE")
    assert lines[marker - 2 : marker] == ["add_subdirectory(RegQC)", "add_subdirectory(RegQCLib)"]
    assert lines.index("find_package(Slicer REQUIRED)") < marker
    assert lines.index("include(${Slicer_EXTENSION_GENERATE_CONFIG})") > marker


def test_slicer_is_asked_for_what_it_lacks_and_no_more():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lacking = {
        line
        for line in project["dependencies"]
        if re.split(r"[<>=]", line)[0] not in SHIPPED_WITH_SLICER
    }
    text = (ROOT / "RegQC" / "Resources" / "requirements.txt").read_text(encoding="utf-8")
    assert {line for line in text.splitlines() if not line.startswith("#")} == lacking
    assert not any("torch" in line for line in lacking)


def test_the_module_folder_holds_one_script():
    """Slicer takes every script beside a module for a module of its own."""
    assert [path.name for path in (ROOT / "RegQC").glob("*.py")] == ["RegQC.py"]
