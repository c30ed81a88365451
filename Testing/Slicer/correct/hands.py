"""What a person does to the Correct panel, and children that answer at once."""

from __future__ import annotations

import os
import time

import pytest
import slicer
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from RegQCLib.geometry.transforms import Affine

PATIENCE_S = 60
SHIFT = Affine.rigid(translation_mm=(0, 4, 0))


def click(widget):
    assert widget.enabled
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)


def toggle(box):
    QTest.mouseClick(box, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(8, 8))


def wait(host, condition, seconds=PATIENCE_S):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        host.app.processEvents()
        time.sleep(0.005)


def part(panel, name):
    return next(one for one in panel.parts if type(one).__name__ == name)


def drag(host, view, start, step, count=6):
    """Drag from a point of a view by pixels, as a hand does."""
    QTest.mouseMove(view, start - QPoint(3, 0))
    host.app.processEvents()
    QTest.mouseMove(view, start)
    host.app.processEvents()
    QTest.mousePress(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    for number in range(1, count + 1):
        QTest.mouseMove(view, start + number * step)
        host.app.processEvents()
    end = start + count * step
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, end)
    host.app.processEvents()


def middleOf(view):
    """Where the origin of the world is seen."""
    x, y, _ = view.convertRASToXYZ([0.0, 0.0, 0.0])
    return QPoint(round(x), round(view.height - 1 - y))


def redView():
    return slicer.app.layoutManager().sliceWidget("Red").sliceView()


def errors(scores):
    return [score.errorMm for score in scores.values()]


class FakeRegistration:
    """A registration that is done at once."""

    asked = ()

    def __init__(self, pair, kind, **options):
        from RegQCScene.stepped_job import SteppedJob

        FakeRegistration.asked = (kind, options)
        self.transform, self.differenceMm, self.summary = SHIFT, 0.0, "rigid: 4 mm before, 0 after"
        self.nodes = pair.nodes
        self._job = SteppedJob(lambda _folder: iter(()))

    def __getattr__(self, name):
        return getattr(self._job, name)


class FakeRepair(FakeRegistration):
    """A repair that is done at once."""

    def __init__(self, stackNode, referenceNode=None, **options):
        from RegQCScene.stepped_job import SteppedJob
        from RegQCScene.volume_exchange import imageData

        FakeRepair.asked = (stackNode, referenceNode, options)
        self.image = imageData(slicer.util.arrayFromVolume(stackNode) + 1)
        self.moved, self.notes, self.summary = [3], ["a note"], "1 of 20 slices moved"
        self.nodes = [stackNode]
        self._job = SteppedJob(lambda _folder: iter(()))


def childGone(process):
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
    return True
