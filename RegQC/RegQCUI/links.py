"""Connections of Qt signals that are taken apart together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Links:
    """Signals that were connected through it; PythonQt keeps receivers alive until they are cut."""

    def __init__(self) -> None:
        self._links: list[tuple[Any, str, Callable[..., Any]]] = []

    def connect(self, sender: Any, signal: str, receiver: Callable[..., Any]) -> None:
        """Connect a signal, given by its full signature."""
        sender.connect(signal, receiver)
        self._links.append((sender, signal, receiver))

    def disconnect(self) -> None:
        """Cut all connections."""
        for sender, signal, receiver in self._links:
            sender.disconnect(signal, receiver)
        self._links = []
