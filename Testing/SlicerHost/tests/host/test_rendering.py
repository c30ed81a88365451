"""Where something is missing, tests are skipped and say what; each case in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TESTING = Path(__file__).resolve().parents[3]


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(TESTING)!r})\n{code}"],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize(
    ("missing", "said"), [("slicer", "slicer-core cannot be imported"), ("PySide6", "apt-get")]
)
def test_the_reason_names_what_is_missing(missing: str, said: str) -> None:
    code = f"""
sys.modules[{missing!r}] = None
from SlicerHost.rendering import whyNot
print(whyNot())
"""
    assert said in run(code)


def test_a_driver_that_ends_the_process_is_a_reason() -> None:
    code = """
from SlicerHost import rendering
rendering._PROBE = "import os; os.abort()"
print(rendering.whyNot())
"""
    assert "cannot render" in run(code)


def test_files_that_need_slicer_are_skipped_with_the_reason() -> None:
    file = Path(__file__).with_name("test_core.py")
    code = f"""
sys.modules["slicer"] = None
import pytest
raise SystemExit(pytest.main(["-rs", "-p", "no:cacheprovider", {str(file)!r}]) not in (0, 5))
"""
    text = run(code)
    assert "1 skipped" in text
    assert "slicer-core cannot be imported" in text
