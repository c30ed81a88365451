"""Fixtures of the command line's tests."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest
from cli.support import StandInCheck, picture, write_nifti


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> StandInCheck:
    """Put a stand-in in the place of RegQCLib.qc.check.check."""
    stand_in = StandInCheck()
    module = types.ModuleType("RegQCLib.qc.check")
    module.check = stand_in  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "RegQCLib.qc.check", module)
    return stand_in


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two readable images of the same size."""
    folder = tmp_path / "images"
    folder.mkdir()
    return (
        write_nifti(folder / "fixed.nii.gz", picture(0)),
        write_nifti(folder / "moving.nii.gz", picture(1)),
    )
