"""Volumes that show one frame of a sequence: a check is of that frame alone."""

from __future__ import annotations

from typing import Any

import slicer
from slicer.i18n import tr as _


def frameNote(node: Any) -> str:
    """Say which frame of a sequence a node shows; "" for a node that belongs to none."""
    browser = _browserOf(node)
    if browser is None:
        return ""
    sequence = browser.GetSequenceNode(node)
    number = browser.GetSelectedItemNumber() + 1
    count = browser.GetNumberOfItems()
    return _("{name} shows frame {number} of {count} of a sequence; only it is checked").format(
        name=sequence.GetName(), number=number, count=count
    )


def _browserOf(node: Any) -> Any:
    """Return the sequence browser that fills a node, or None."""
    browsers = slicer.util.getNodesByClass("vtkMRMLSequenceBrowserNode")
    return next((one for one in browsers if one.IsProxyNodeID(node.GetID())), None)
