"""A file appears complete or not at all, whatever its writer does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from RegQCLib.errors import InputError
from RegQCLib.geometry.atomic_file import atomic_file


def test_the_target_changes_only_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "result.nii.gz"
    target.write_text("old")
    with atomic_file(target) as temporary:
        assert temporary.name == target.name
        assert temporary.parent.parent == tmp_path, "on the same disk, so that renaming is atomic"
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (RuntimeError("Exception thrown in SimpleITK:\n itk::ERROR"), "disk full"),
    ],
)
def test_a_failed_write_leaves_the_earlier_file(
    tmp_path: Path, failure: Exception, words: str
) -> None:
    target = tmp_path / "result.mha"
    target.write_text("old")
    with pytest.raises(InputError, match=words) as refusal, atomic_file(target) as temporary:
        temporary.write_text("half")
        raise failure
    assert str(refusal.value).startswith(f"{target}: ")
    assert "\n" not in str(refusal.value)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_an_interrupt_passes_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), atomic_file(tmp_path / "a") as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none does not exist"), atomic_file(tmp_path / "none/a"):
        pass


@pytest.mark.skipif(os.name != "posix", reason="file modes are those of POSIX")
def test_the_file_is_no_more_private_than_others(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    with atomic_file(tmp_path / "result") as temporary:
        temporary.write_text("")
    assert (tmp_path / "result").stat().st_mode == (tmp_path / "plain").stat().st_mode
