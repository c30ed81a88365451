"""What Slicer adds to its Python package is importable while tests are collected."""

from __future__ import annotations

from pathlib import Path

import pytest
import slicer
from SlicerHost.core import STAND_INS

if str(STAND_INS) not in slicer.__path__:
    slicer.__path__.append(str(STAND_INS))


@pytest.fixture
def panel(module, host, monkeypatch):
    """The panel of the loaded module with a pair, and a child that answers at once."""
    from correct.support import volumeNode

    from RegQCScene import live_probe
    from RegQCScene.slice_views import jumpToPoint

    monkeypatch.setattr(live_probe, "CHILD", "correct.fake_live_worker")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[1]))
    shell = module.widgetRepresentation().self().shell
    for section in shell.sections:
        section.collapsed = section.objectName != "CorrectPanelSection"
    made = next(one for one in shell.panels if type(one).__name__ == "CorrectPanel")
    parameters = made.session.parameters
    parameters.fixedVolume = volumeNode("fixed", (20, 24, 28))
    parameters.movingVolume = volumeNode("moving", (20, 24, 28))
    parameters.checkCorrections = False
    slicer.util.setSliceViewerLayers(
        background=parameters.fixedVolume, foreground=parameters.movingVolume, fit=True
    )
    jumpToPoint((0, 0, 0))
    host.app.processEvents()
    return made
