"""The lint over the module's own code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]


def test_module_breaks_no_rule(qt: Any) -> None:
    from SlicerHost.lint.run import lintFolder

    assert [str(finding) for finding in lintFolder(ROOT / "RegQC")] == []


def test_command_line_reports_and_fails(tmp_path: Path) -> None:
    (tmp_path / "panel.py").write_text("import qt\nx = qt.Signal()\n")
    done = subprocess.run(
        [sys.executable, "-m", "SlicerHost.lint", str(tmp_path)],
        cwd=ROOT / "Testing",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.startswith(f"{tmp_path / 'panel.py'}:2: PQ07 ")


def test_every_rule_is_explained() -> None:
    from SlicerHost.lint.finding import RULES

    text = (ROOT / "Testing" / "SlicerHost" / "README.md").read_text(encoding="utf-8")
    assert [line[2:6] for line in text.splitlines() if line.startswith("| PQ")] == list(RULES)
