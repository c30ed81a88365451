"""Folders of the subject hierarchy, in which the nodes of one pair lie together."""

from __future__ import annotations

from typing import Any

import slicer


def putIntoFolder(node: Any, folder: int) -> None:
    """Show a node in a folder; folder 0, and nodes that the tree does not show, change nothing."""
    tree = _hierarchy()
    item = tree.GetItemByDataNode(node)
    if folder and item:
        tree.SetItemParent(item, folder)


def folderOf(node: Any) -> int:
    """Return the folder in which a node is shown; 0 when it is in none."""
    tree = _hierarchy()
    folder = int(tree.GetItemParent(tree.GetItemByDataNode(node)))
    return 0 if folder == tree.GetSceneItemID() else folder


def newFolder(name: str) -> int:
    """Make a folder at the top of the tree."""
    tree = _hierarchy()
    return int(tree.CreateFolderItem(tree.GetSceneItemID(), name))


def removeFolder(folder: int) -> None:
    """Remove a folder with all nodes in it."""
    _hierarchy().RemoveItem(folder, True, True)


def _hierarchy() -> Any:
    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
