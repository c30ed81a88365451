"""Output folders: complete or absent, and nothing of the user's is ever removed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from RegQCLib.errors import InputError
from RegQCLib.outputs import MARKER, output_folder


def write_run(out: Path, *, name: str = "report.json", text: str = "{}", **options) -> None:
    with output_folder(out, **options) as folder:
        (folder / name).write_text(text)
        (folder / "figures").mkdir(exist_ok=True)
        (folder / "figures" / "a.png").write_text("x")


def tree(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


@pytest.mark.parametrize("state", ["absent", "empty", "litter"])
def test_results_appear_complete(tmp_path, state):
    out = tmp_path / "a" / "b"
    if state != "absent":
        out.mkdir(parents=True)
    if state == "litter":
        (out / ".DS_Store").write_text("")
    with output_folder(out) as folder:
        (folder / "report.json").write_text("{}")
        assert not (out / "report.json").exists()
    expected = {"report.json", MARKER} | ({".DS_Store"} if state == "litter" else set())
    assert {p.name for p in out.iterdir()} == expected
    assert tree(tmp_path / "a") == sorted(["b", *(f"b/{name}" for name in expected)])
    assert json.loads((out / MARKER).read_text())["files"] == ["report.json"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_the_folder_is_as_readable_as_any_other(tmp_path):
    write_run(tmp_path / "out")
    (tmp_path / "plain").mkdir()
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("existing", [False, True])
def test_failure_leaves_nothing(tmp_path, error, existing):
    out = tmp_path / "a" / "b"
    if existing:
        out.mkdir(parents=True)
    before = tree(tmp_path)
    with pytest.raises(error), output_folder(out) as folder:
        (folder / "half.json").write_text("{")
        raise error
    assert tree(tmp_path) == before


def test_failure_leaves_the_earlier_run(tmp_path):
    write_run(tmp_path / "out", text="old")
    before = tree(tmp_path)
    with pytest.raises(ValueError, match="stop"), output_folder(tmp_path / "out", overwrite=True):
        raise ValueError("stop")
    assert tree(tmp_path) == before
    assert (tmp_path / "out" / "report.json").read_text() == "old"


def test_an_earlier_run_is_replaced_only_on_request(tmp_path):
    write_run(tmp_path / "out", name="old.csv")
    with pytest.raises(InputError, match="holds another run; choose another or pass --overwrite"):
        write_run(tmp_path / "out")
    assert (tmp_path / "out" / "old.csv").exists()
    write_run(tmp_path / "out", overwrite=True)
    assert tree(tmp_path) == [
        "out",
        f"out/{MARKER}",
        "out/figures",
        "out/figures/a.png",
        "out/report.json",
    ]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_the_user_is_never_touched(tmp_path, overwrite):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="did not write"):
        write_run(tmp_path, overwrite=overwrite)
    assert tree(tmp_path) == ["thesis.tex"]


def test_files_added_to_a_run_are_never_removed(tmp_path):
    write_run(tmp_path / "out")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"notes\.txt, which RegQC did not write"):
        write_run(tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"


def test_a_damaged_marker_protects_the_folder(tmp_path):
    write_run(tmp_path / "out")
    (tmp_path / "out" / MARKER).write_text("{")
    with pytest.raises(InputError, match="did not write"):
        write_run(tmp_path / "out", overwrite=True)


@pytest.mark.parametrize("place", ["file", "file/below", "file/far/below"])
def test_a_place_that_cannot_hold_a_folder_is_refused(tmp_path, place):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="choose another"):
        write_run(tmp_path / place)
    assert tree(tmp_path) == ["file"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_parent_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InputError, match="cannot write"):
            write_run(tmp_path / "out")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux's /proc")
def test_a_file_system_that_takes_no_folders_is_refused():
    with pytest.raises(InputError, match="cannot write the output folder"):
        write_run(Path("/proc/regqc/out"))


def test_a_link_to_an_empty_folder_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_run(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "report.json").is_file()
