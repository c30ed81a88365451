"""The panels of the module, top to bottom."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

PANELS = (
    ("inputs_panel", "InputsPanel"),
    ("check_panel", "CheckPanel"),
    ("inspect_panel", "InspectPanel"),
    ("correct_panel", "CorrectPanel"),
    ("record_panel", "RecordPanel"),
    ("worklist_panel", "WorklistPanel"),
)


def panelClasses() -> list[Any]:
    """Return the classes of the panels that exist."""
    return [
        getattr(import_module(f"RegQCUI.{module}"), name)
        for module, name in PANELS
        if find_spec(f"RegQCUI.{module}") is not None
    ]
