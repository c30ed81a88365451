"""What the tests of the command line share: a runner, small images, a stand-in for the check."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from RegQCLib.cli.main import app

SHAPE = (20, 18, 12)  # i, j, k: unequal, like the voxels
AFFINE = np.array([[1.5, 0, 0, -14], [0, 1.2, 0, -10], [0, 0, 2.5, -15], [0, 0, 0, 1.0]])


@dataclass
class Outcome:
    """How a run of ``regqc`` ended."""

    code: int
    stdout: str
    stderr: str


def run_regqc(*arguments: object) -> Outcome:
    """Run ``regqc`` in this process."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as stopped:
        app([str(a) for a in arguments])
    return Outcome(int(stopped.value.code or 0), out.getvalue(), err.getvalue())


def refused(done: Outcome, tmp_path: Path, culprit: Path | None = None) -> None:
    """Assert that a run was refused in the agreed way."""
    assert done.code == 2, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert "reinstall RegQC" not in done.stderr, "refused for want of a model, not for its input"
    if culprit is not None:
        assert culprit.name in done.stderr
    assert not (tmp_path / "new").exists()


def picture(seed: int = 0, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """Return a noisy ball, float32, indexed (i, j, k, ...)."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape[:3]], indexing="ij")
    ball = sum(x**2 for x in axes) < 0.6
    extra = (1,) * (len(shape) - len(axes))
    return (100.0 * ball.reshape(*shape[:3], *extra) + rng.normal(20, 4, shape)).astype(np.float32)


def write_nifti(path: Path, array: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    """Write a NIfTI file with nibabel."""
    nib.save(nib.Nifti1Image(array, affine), path)
    return path


@dataclass
class StandInReport:
    """The part of AlignmentReport that the command line uses."""

    verdict: str = "aligned"
    provenance: dict[str, Any] = field(default_factory=dict)

    def summary(self) -> str:
        """One line."""
        return f"{self.verdict}: a stand-in"

    def to_dict(self) -> dict[str, Any]:
        """What ends up in report.json."""
        return {
            "verdict": self.verdict,
            "reason": "a stand-in",
            "probability_misaligned": 0.25,
            "error_mm": None,
            "provenance": self.provenance,
        }

    def save(self, folder: Path) -> None:
        """Write one file."""
        (folder / "report.json").write_text("{}", encoding="utf-8")


@dataclass
class StandInCheck:
    """Replaces ``check``: records its arguments, reports progress, returns or raises."""

    report: StandInReport = field(default_factory=StandInReport)
    raises: BaseException | None = None
    arguments: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)

    def __call__(self, *arguments: Any, progress: Callable[..., None], **options: Any) -> Any:
        """Behave like ``check``; its fractions step back once, as parallel work may."""
        self.arguments, self.options = arguments, options
        for fraction in (0.2, 0.7, 0.6, 1.0):
            progress("scoring slices", fraction)
        if self.raises is not None:
            raise self.raises
        return self.report
