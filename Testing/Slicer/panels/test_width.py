"""Every panel fits into the width that Slicer gives to a module, whatever the names are."""

from __future__ import annotations

import pytest
import slicer

SLICERS_WIDTH = 420
LONG = "a very long name that a scanner gave to a series of images, " * 3


@pytest.mark.parametrize("name", ["Inputs", "Check", "Inspect", "Record", "Worklist"])
def test_a_panel_fits(module, host, pair, name):
    widget = module.widgetRepresentation().self()
    for node in pair:
        node.SetName(LONG + node.GetName())
    widget.session.parameters.fixedVolume, widget.session.parameters.movingVolume = pair
    mask = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", LONG)
    mask.GetSegmentation().AddEmptySegment("one", LONG)
    widget.session.parameters.mask = mask
    for section in widget.shell.sections:
        section.collapsed = section.objectName != f"{name}PanelSection"
    panel = next(p for p in widget.shell.panels if type(p).__name__ == f"{name}Panel")
    for edit in ("folderEdit", "sourceEdit", "outputEdit"):
        if hasattr(panel.ui, edit):
            getattr(panel.ui, edit).setCurrentPath(f"/{LONG}")
            getattr(panel.ui, edit).addCurrentPathToHistory()
    for row in ("opacityRow", "edgeRow", "rateRow", "squareRow"):
        if hasattr(panel.ui, row):
            getattr(panel.ui, row).setVisible(True)
    host.app.processEvents()
    scrollBar = 16
    needed = module.widgetRepresentation().minimumSizeHint().width()
    assert needed + scrollBar <= SLICERS_WIDTH
