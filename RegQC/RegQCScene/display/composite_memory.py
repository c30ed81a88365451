"""Which volumes the slice views showed, and how, before RegQC showed something else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import slicer


@dataclass(frozen=True)
class _Shown:
    background: str | None
    foreground: str | None
    opacity: float
    compositing: int


class CompositeMemory:
    """Remembers composite nodes when they are first changed through it, and restores them all."""

    def __init__(self) -> None:
        self._before: dict[str, _Shown] = {}

    def show(self, node: Any, background: Any, foreground: Any, opacity: float) -> None:
        """Show a volume in the view of a composite node, and above it another one or None."""
        self._before.setdefault(node.GetID(), _shown(node))
        top = foreground.GetID() if foreground is not None else None
        _set(node, _Shown(background.GetID(), top, opacity, node.Alpha))

    def restore(self) -> None:
        """Show again what was shown before; volumes that are gone stay away."""
        for identifier, shown in self._before.items():
            node = slicer.mrmlScene.GetNodeByID(identifier)
            if node is not None:
                _set(node, shown)
        self._before.clear()

    def forget(self) -> None:
        """Remember nothing, for a scene that is closed."""
        self._before.clear()


def _shown(node: Any) -> _Shown:
    return _Shown(
        node.GetBackgroundVolumeID(),
        node.GetForegroundVolumeID(),
        node.GetForegroundOpacity(),
        node.GetCompositing(),
    )


def _set(node: Any, shown: _Shown) -> None:
    with slicer.util.NodeModify(node):
        node.SetBackgroundVolumeID(_present(shown.background))
        node.SetForegroundVolumeID(_present(shown.foreground))
        node.SetForegroundOpacity(shown.opacity)
        node.SetCompositing(shown.compositing)


def _present(identifier: str | None) -> str | None:
    found = identifier is not None and slicer.mrmlScene.GetNodeByID(identifier) is not None
    return identifier if found else None
