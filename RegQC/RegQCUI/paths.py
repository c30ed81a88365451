"""Where the module's own files lie, in a source checkout and installed."""

from __future__ import annotations

from pathlib import Path

MODULE_FOLDER = Path(__file__).resolve().parents[1]


def resourcePath(name: str) -> str:
    """Return the path of a file in the module's Resources folder, as text."""
    return str(MODULE_FOLDER / "Resources" / name)


def uiPath(panel: str) -> str:
    """Return the path of a panel's Qt Designer file: ``uiPath("Check")``."""
    return resourcePath(f"UI/{panel}.ui")
