"""Connections that are taken apart together."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from RegQCScene.signal import Signal


class Links:
    """What was connected through it; PythonQt keeps receivers alive until they are cut."""

    def __init__(self) -> None:
        self._cuts: list[Callable[[], Any]] = []

    def connect(self, sender: Any, signal: str, receiver: Callable[..., Any]) -> None:
        """Connect a signal of Qt, given by its full signature."""
        sender.connect(signal, receiver)
        self._cuts.append(partial(sender.disconnect, signal, receiver))

    def listen(self, signal: Signal, receiver: Callable[..., Any]) -> None:
        """Connect a signal of ours."""
        signal.connect(receiver)
        self._cuts.append(partial(signal.disconnect, receiver))

    def disconnect(self) -> None:
        """Cut all connections."""
        for cut in self._cuts:
            cut()
        self._cuts = []
