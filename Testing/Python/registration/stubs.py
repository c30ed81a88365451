"""Stand-ins for tests of registrations: quick engines, a quick check, and small images."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.transforms import Affine, Transform
from RegQCLib.geometry.volume import Volume
from RegQCLib.registration import register as module
from RegQCLib.registration.judging import Judged
from RegQCLib.registration.steps import DEFORMABLE, Step

SHAPE = (12, 14, 16)


def images(shape: tuple[int, int, int] = SHAPE) -> tuple[Volume, Volume]:
    """Two contrasts of a block with noise, on an anisotropic grid."""
    rng = np.random.default_rng(0)
    array = np.zeros(shape, np.float32)
    array[tuple(slice(n // 4, n - n // 4) if n > 1 else slice(None) for n in shape)] = 80
    affine = np.diag([1.5, 1.2, 2.0, 1.0])
    noise = rng.normal(20, 2, (2, *shape)).astype(np.float32)
    return Volume(array + noise[0], affine, "fixed"), Volume(150 - array + noise[1], affine, "m")


def shifted(mm: float) -> Affine:
    """A shift to the right."""
    return Affine.rigid(translation_mm=(mm, 0, 0))


def judged(error_mm: float | None, **changes: Any) -> Judged:
    """A state with an error; verdict, plausible and likeness can be set."""
    verdict = "cannot_tell" if error_mm is None else "misaligned" if error_mm > 1.5 else "aligned"
    verdict = changes.get("verdict", verdict)
    error = SimpleNamespace(mean=error_mm, p95=error_mm, interval=(0, 9))
    report = SimpleNamespace(
        verdict=verdict,
        reason="a reason",
        error_mm=None if error_mm is None else error,
        field={"plausible": changes.get("plausible", True), "reasons": ["it folds"]},
        similarity={},
        provenance={"versions": {"RegQC": "0"}, "models": {}, "inputs": {}},
    )
    report.to_dict = lambda: {
        "verdict": verdict,
        "reason": "a reason",
        "probability_misaligned": 0.5,
        "error_mm": None
        if error_mm is None
        else {"mean": error_mm, "p95": error_mm, "interval": [0, 9]},
    }
    return Judged(report, likeness=changes.get("likeness"))


def bent(mm: float) -> DisplacementField:
    """A field that moves the middle of the images to the right."""
    fixed, _ = images()
    k, j, i = (np.sin(np.pi * np.arange(n) / (n - 1)) for n in fixed.shape)
    array = np.zeros((3, *fixed.shape), np.float32)
    array[0] = mm * k[:, None, None] * j[:, None] * i
    return DisplacementField(array, fixed.affine)


class Stubs:
    """Replaces engines and check: states by the shift of the image's center, mm.

    states: what the check says of a shift. steps: shift that each engine leads to, or what it
    raises. starts: where each engine began; checked: shifts in the order of the checks.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.states: dict[float, Judged] = {}
        self.steps: dict[str, float | Exception] = {}
        self.starts: dict[str, Transform | None] = {}
        self.orders: dict[str, Any] = {}
        self.checked: list[float] = []
        monkeypatch.setattr(module, "judge", self._judge)
        monkeypatch.setattr(module, "linear", self._linear)
        monkeypatch.setattr(module, "deformable", self._deformable)

    def _judge(self, fixed: Volume, _: Volume, transform: Any, **options: Any) -> Judged:
        center = fixed.grid.center
        shift = 0.0 if transform is None else float((transform.apply(center) - center)[0])
        self.checked.append(round(shift, 1))
        options["progress"]("checking", 0.5)
        return self.states[round(shift)]

    def _linear(self, order: Any, name: str, init: Any, progress: Callable[..., None]) -> Step:
        return self._step(name, order, init, shifted, progress)

    def _deformable(self, order: Any, init: Any, progress: Callable[..., None]) -> Step:
        return self._step(DEFORMABLE, order, init, bent, progress)

    def _step(self, name: str, order: Any, init: Any, make: Any, progress: Any) -> Step:
        self.starts[name], self.orders[name] = init, order
        progress("moving", 0.5)
        found = self.steps[name]
        if isinstance(found, Exception):
            raise found
        transform = make(found)
        return Step(name, transform, transform.inverse(), history=[{"value": 1.0}], compared="all")
