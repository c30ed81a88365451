"""What PythonQt adds to every object."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def tree(qt: Any) -> Any:
    root = qt.QWidget()
    layout = qt.QVBoxLayout(root)
    for name in ("first", "second"):
        button = qt.QPushButton(name)
        button.objectName = name
        layout.addWidget(button)
    return root


def test_find_child_by_type_and_by_type_name(qt: Any, tree: Any) -> None:
    assert tree.findChild(qt.QPushButton, "second").text == "second"
    assert tree.findChild("QPushButton", "second").text == "second"
    assert tree.findChild("QPushButton", "third") is None


def test_find_children(qt: Any, tree: Any) -> None:
    assert [child.text for child in tree.findChildren("QAbstractButton")] == ["first", "second"]
    assert tree.findChildren(qt.QLabel) == []


def test_class_names(qt: Any, ctk: Any) -> None:
    assert qt.QPushButton().className() == "QPushButton"
    assert qt.QPushButton().inherits("QAbstractButton")
    assert ctk.ctkCollapsibleButton().inherits("QAbstractButton")
    assert not qt.QLabel().inherits("QAbstractButton")


def test_delete_ends_the_object_now(qt: Any, tree: Any) -> None:
    tree.findChild(qt.QPushButton, "first").delete()
    assert [child.text for child in tree.findChildren(qt.QPushButton)] == ["second"]
