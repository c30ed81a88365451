"""Dragging with live scores in the Slicer module: updates a second, and how long the panel stalls.

python -m Testing.Benchmarks.slicer_dragging --out Testing/Benchmarks/results/slicer_dragging.json

Opens the module in the test host (Testing/SlicerHost), off-screen, with the sample pair, as it is
and on 512 x 512 x 300 voxels; shows the handles and drags one with the mouse. A timer that should
tick every 5 ms tells how long the GUI thread was away. The host draws the views without a graphics
card, so the drag is repeated with drawing paused (what the module itself costs) and without scores
(what drawing costs).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from Testing.Benchmarks.heartbeat import Heartbeat
from Testing.Benchmarks.sample_volumes import measure_pairs, sample_volume

MOUSE_MS = 16
RADIUS_PIXELS = 25
TURN_S = 3.0
PATIENCE_S = 300


def main() -> None:
    """Measure both pairs and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each drag")
    parser.add_argument("--small", action="store_true", help="the sample alone")
    options = parser.parse_args()
    measure_pairs(
        options.out,
        {"seconds": options.seconds},
        lambda host, shape: Bench(host, shape).run(options.seconds),
        small=options.small,
    )


class Bench:
    """One pair in the module's Correct panel."""

    def __init__(self, host: Any, shape: tuple[int, int, int] | None) -> None:
        import slicer

        slicer.mrmlScene.Clear()
        self.host = host
        self.module = host.load()
        shell = self.module.widgetRepresentation().self().shell
        for section in shell.sections:
            section.collapsed = section.objectName != "CorrectPanelSection"
        self.panel = next(one for one in shell.panels if type(one).__name__ == "CorrectPanel")
        fixed, moving = (sample_volume(name, shape) for name in ("flair", "t1w"))
        parameters = self.panel.session.parameters
        parameters.fixedVolume, parameters.movingVolume = fixed, moving
        slicer.util.setSliceViewerLayers(
            background=fixed, foreground=moving, foregroundOpacity=0.5, fit=True
        )
        self.view = slicer.app.layoutManager().sliceWidget("Red").sliceView()
        self.shape = slicer.util.arrayFromVolume(fixed).shape
        self._settle()

    def run(self, seconds: float) -> dict[str, Any]:
        """Prepare live scores, drag with them and without."""
        import slicer

        control = self.panel.control
        handles = self.panel.parts[0].ui.handlesBox
        beat, start = Heartbeat(), time.perf_counter()
        control.begin()
        self._wait(lambda: control.live.scores or control.live.status.startswith("No live"))
        row: dict[str, Any] = {"voxels": list(self.shape[::-1])}
        row["ready_s"] = round(time.perf_counter() - start, 1)
        row["preparing"] = beat.stop()
        handles.setChecked(True)  # the first drawing of a widget compiles its shaders
        self._settle()
        row["drawn_and_scored"] = self._drag(seconds)
        slicer.app.pauseRender()
        row["scored"] = self._drag(seconds)
        slicer.app.resumeRender()
        control.live.stop()
        self._settle()
        row["drawn"] = self._drag(seconds)
        handles.setChecked(False)
        self.host.unload(self.module)
        return row

    def _drag(self, seconds: float) -> dict[str, Any]:
        """Drag the handles' dot in circles by the mouse."""
        from PySide6 import QtCore
        from PySide6.QtTest import QTest

        view, left = self.view, QtCore.Qt.MouseButton.LeftButton
        plain = QtCore.Qt.KeyboardModifier.NoModifier
        center = self._handle()
        for place in (center - QtCore.QPoint(4, 0), center):
            QTest.mouseMove(view, place)
            self.host.app.processEvents()
        QTest.mousePress(view, left, plain, center)
        rendered, moves = view.renderCount(), 0
        answered = self.panel.control.live.updates
        beat, start = Heartbeat(), time.perf_counter()
        next_move = start
        while (now := time.perf_counter()) - start < seconds:
            if now >= next_move:
                angle = 2 * np.pi * (now - start) / TURN_S
                x, y = RADIUS_PIXELS * np.array([np.sin(angle), 1 - np.cos(angle)])
                QTest.mouseMove(view, center + QtCore.QPoint(round(x), round(y)))
                moves += 1
                next_move = now + MOUSE_MS / 1000
            self.host.app.processEvents(QtCore.QEventLoop.ProcessEventsFlag.AllEvents, 5)
            time.sleep(0.0005)
        elapsed = time.perf_counter() - start
        row = {"seconds": round(elapsed, 1), **beat.stop()}
        answers = self.panel.control.live.updates - answered
        QTest.mouseRelease(view, left, plain, center)
        self._settle()
        row["updates_per_s"] = round(answers / elapsed, 1)
        row["moves_per_s"] = round(moves / elapsed, 1)
        row["drawn_per_s"] = round((view.renderCount() - rendered) / elapsed, 1)
        return row

    def _handle(self) -> Any:
        """Where the dot of the handles is seen."""
        import slicer
        from PySide6 import QtCore

        node = self.panel.control.working
        matrix = slicer.util.arrayFromTransformMatrix(node)
        center = matrix @ (*node.GetCenterOfTransformation(), 1.0)
        x, y, _ = self.view.convertRASToXYZ(center[:3].tolist())
        return QtCore.QPoint(round(x), round(self.view.height - 1 - y))

    def _settle(self) -> None:
        end = time.perf_counter() + 2.0
        self._wait(lambda: time.perf_counter() > end)

    def _wait(self, condition: Any) -> None:
        limit = time.perf_counter() + PATIENCE_S
        while not condition():
            if time.perf_counter() > limit:
                raise SystemExit(f"it did not happen: {self.panel.control.live.status}")
            self.host.app.processEvents()
            time.sleep(0.001)


if __name__ == "__main__":
    main()
