"""Stand-ins for slicer.packaging and slicer.i18n, and the host's settings."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import slicer
from slicer import i18n, packaging


@pytest.fixture(autouse=True)
def _nothing_installed(scene: Any) -> None:
    packaging.installed.clear()


def test_requirements_are_read(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text("numpy>=1.20  # arrays\n\n# a comment\nscipy\n", encoding="utf-8")
    assert [str(r) for r in packaging.load_requirements(path)] == ["numpy>=1.20", "scipy"]


def test_what_is_there_and_what_is_missing() -> None:
    version = metadata.version("numpy")
    assert packaging.pip_check(f"numpy>={version}")
    assert packaging.pip_check(["numpy", "pytest"])
    assert not packaging.pip_check("numpy>=99")
    assert not packaging.pip_check(["numpy", "no-such-package"])


def test_in_testing_mode_nothing_is_asked_or_installed() -> None:
    packaging.pip_ensure(["no-such-package"], requester="X")
    assert packaging.installed == []


@pytest.mark.parametrize("answer", [True, False])
def test_a_user_is_asked_once(host: Any, monkeypatch: pytest.MonkeyPatch, answer: bool) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        slicer.util, "confirmOkCancelDisplay", lambda text, **_: asked.append(text) or answer
    )
    slicer.app.setTestingEnabled(False)
    if answer:
        packaging.pip_ensure(["numpy", "no-such-package>=2"], requester="X")
    else:
        with pytest.raises(RuntimeError, match="no-such-package"):
            packaging.pip_ensure(["numpy", "no-such-package>=2"], requester="X")
    assert packaging.installed == ([["no-such-package>=2"]] if answer else [])
    assert len(asked) == 1
    assert "X" in asked[0]


def test_slicer_util_installs_through_it() -> None:
    slicer.util.pip_install("a b>=1")
    assert packaging.installed == [["a", "b>=1"]]


def test_texts_stay_as_they_are() -> None:
    assert i18n.tr("Check") == "Check"
    assert i18n.translate("qSlicerAbstractCoreModule", "Registration") == "Registration"


def test_settings_keep_values(scene: Any) -> None:
    settings = slicer.app.userSettings()
    settings.setValue("RegQC/Test", "x")
    assert slicer.app.userSettings().value("RegQC/Test") == "x"
    assert settings.contains("RegQC/Test")
    settings.remove("RegQC/Test")
    assert settings.value("RegQC/Test", "none") == "none"
