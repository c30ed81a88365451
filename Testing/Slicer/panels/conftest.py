"""The module in the host with its first two panels, and a result that nobody has to wait for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from SlicerHost.host import Host

FLAGGED = (9, 10, 11)
SCORED = range(4, 25)


@dataclass
class Panels:
    """What the tests click on."""

    host: Host
    widget: Any
    inputs: Any
    check: Any
    fixed: Any
    moving: Any

    @property
    def session(self) -> Any:
        return self.widget.session

    @property
    def parameters(self) -> Any:
        return self.widget.session.parameters

    def choosePair(self) -> None:
        self.inputs.ui.fixedSelector.setCurrentNode(self.fixed)
        self.inputs.ui.movingSelector.setCurrentNode(self.moving)
        self.settle()

    def settle(self, until: Callable[[], Any] = lambda: False, seconds: float = 0.3) -> bool:
        """Let events pass until something holds; returns whether it did."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not until():
            self.host.app.processEvents()
            time.sleep(0.005)
        return bool(until())

    def showResult(self, verdict: str = "misaligned") -> Any:
        """Store what a check of the pair could have found: axial slices 9 to 11 flagged."""
        from RegQCScene.check_result import CheckResult
        from RegQCScene.result_images import resultImages
        from RegQCScene.result_nodes import storeResult
        from RegQCScene.volume_exchange import gridFromNode, imageData

        grid = gridFromNode(self.fixed)
        errors = np.full(grid.shape, -1, dtype=np.float32)
        errors[2:-2, 20:-20, 20:-20] = 2.5
        result = CheckResult(makeReport(grid, verdict))
        told = verdict != "cannot_tell"
        images = resultImages(imageData(errors), result, grid) if told else None
        storeResult(self.fixed, self.moving, result, images)
        self.session.refreshResult()
        self.settle(seconds=0.05)
        return self.session.result


def makeReport(grid: Any, verdict: str) -> dict[str, Any]:
    """A report.json as `regqc check` writes it."""
    axes = []
    for plane in ("sagittal", "coronal", "axial"):
        arrayAxis = grid.array_axis(plane)
        slices = []
        for index in range(grid.shape[arrayAxis]):
            middle = (np.array(grid.shape) - 1) / 2
            middle[arrayAxis] = index
            position = grid.to_world(middle[::-1])[("sagittal", "coronal", "axial").index(plane)]
            flagged = plane == "axial" and index in FLAGGED and verdict == "misaligned"
            measured = index in SCORED and verdict != "cannot_tell"
            slices.append(
                {
                    "index": index,
                    "position_mm": float(position),
                    "probability_misaligned": (0.9 if flagged else 0.01 * index) * 1.0
                    if measured
                    else None,
                    "error_mm": (4.0 + index / 100 if flagged else 0.5) if measured else None,
                    "flagged": flagged,
                }
            )
        axes.append({"name": plane, "is_acquisition": plane == "axial", "slices": slices})
    told = verdict != "cannot_tell"
    return {
        "schema_version": "1.0",
        "verdict": verdict,
        "reason": "made up for a test",
        "probability_misaligned": {"misaligned": 0.998, "aligned": 0.04}.get(verdict),
        "tolerance_mm": 1.5,
        "error_mm": {"mean": 2.8, "p95": 4.4, "interval": [2.1, 3.6]} if told else None,
        "axes": axes,
        "provenance": {"warnings": ["the mask was resampled"]},
    }


@pytest.fixture
def panels(host: Host, pair: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Panels]:
    """The module, opened with the sample pair in the scene; nothing is chosen yet."""
    from RegQCUI import panels as listed

    monkeypatch.setattr(listed, "PANELS", listed.PANELS[:2])
    loaded = host.load()
    widget = loaded.widgetRepresentation().self()
    yield Panels(host, widget, *widget.shell.panels, *pair)
    host.unload(loaded)
