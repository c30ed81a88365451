"""Nodes of our own taken out of the scene with what belongs to them."""

from __future__ import annotations

from typing import Any

import slicer


def removeNode(node: Any) -> None:
    """Remove a node and its display nodes, which Slicer's scene would keep."""
    displays = [node.GetNthDisplayNode(n) for n in range(node.GetNumberOfDisplayNodes())]
    slicer.mrmlScene.RemoveNode(node)
    for display in filter(None, displays):
        slicer.mrmlScene.RemoveNode(display)
