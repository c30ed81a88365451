"""Nodes that only help to show something: not listed, and not saved with the scene."""

from __future__ import annotations

from typing import Any

import slicer


def hiddenNode(className: str, name: str) -> Any:
    """Add a node of a class to the scene."""
    node = slicer.mrmlScene.CreateNodeByClass(className)
    node.UnRegister(None)
    node.SetName(name)
    hide(node)
    return slicer.mrmlScene.AddNode(node)


def hide(node: Any) -> None:
    """Neither list nor save a node that Slicer made by itself."""
    node.SetHideFromEditors(True)
    node.SetSaveWithScene(False)


def removeNodes(*nodes: Any) -> None:
    """Remove those of some nodes that are still in the scene; None counts as gone."""
    for node in nodes:
        if node is not None and node.GetScene() is slicer.mrmlScene:
            slicer.mrmlScene.RemoveNode(node)
