"""Undo and redo of corrections: a bounded stack of (node, state before, state after).

Slicer's own undo is switched off by default and does not follow transforms and display reliably;
this one knows nothing of the scene but whether a node is still in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from RegQCScene.signal import Signal

MAX_COMMANDS = 100
MAX_BYTES = 512 * 2**20
"""Deformations are large; older commands are forgotten when all together hold more than this."""


@dataclass(frozen=True, eq=False)
class Command:
    """One step that can be taken back.

    text: what was done, for the button's tool tip. node: whose state changed. before, after: its
    states, never changed once here. restore: called with (node, state). size: bytes that the states
    hold. series: steps of one series that follow each other closely count as one, see `push`.
    """

    text: str
    node: Any
    before: Any
    after: Any
    restore: Callable[[Any, Any], None]
    size: int = 0
    series: str = ""


class CommandStack:
    """Steps that were taken, and those that were taken back.

    changed: emitted after every change of the stack.
    """

    def __init__(self, maxCommands: int = MAX_COMMANDS, maxBytes: int = MAX_BYTES) -> None:
        self.changed = Signal()
        self._maxCommands, self._maxBytes = maxCommands, maxBytes
        self._done: list[Command] = []
        self._undone: list[Command] = []

    def push(self, command: Command) -> None:
        """Remember a step that has just been taken; what was taken back can no longer be redone.

        A step of the same series and node as the last one joins it.
        """
        self._undone.clear()
        last = self._done[-1] if self._done else None
        if last and command.series and _joins(last, command):
            self._done[-1] = replace(last, after=command.after, size=last.size + command.size)
        else:
            self._done.append(command)
        self._forgetTheOldest()
        self.changed.emit()

    def endSeries(self) -> None:
        """Let the next step stand alone, whatever its series."""
        if self._done:
            self._done[-1] = replace(self._done[-1], series="")

    def undo(self) -> Command | None:
        """Take the last step back; returns it, or None when there is none."""
        return self._move(self._done, self._undone, "before")

    def redo(self) -> Command | None:
        """Take again what was last taken back; returns it, or None when there is nothing."""
        return self._move(self._undone, self._done, "after")

    @property
    def last(self) -> Command | None:
        """The step that `undo` would take back; those of one series have the first one's before."""
        return next((step for step in reversed(self._done) if _isThere(step.node)), None)

    @property
    def undoText(self) -> str:
        """What `undo` would take back, or an empty text."""
        return _lastText(self._done)

    @property
    def redoText(self) -> str:
        """What `redo` would take again, or an empty text."""
        return _lastText(self._undone)

    def clear(self) -> None:
        """Forget everything."""
        self._done.clear()
        self._undone.clear()
        self.changed.emit()

    def forget(self, node: Any) -> None:
        """Forget the steps of a node that is going away."""
        for steps in (self._done, self._undone):
            steps[:] = [step for step in steps if step.node is not node]
        self.changed.emit()

    def __len__(self) -> int:
        return len(self._done)

    def _move(self, source: list[Command], target: list[Command], state: str) -> Command | None:
        source[:] = [step for step in source if _isThere(step.node)]
        if not source:
            return None
        command = source.pop()
        command.restore(command.node, getattr(command, state))
        target.append(command)
        self.endSeries()
        self.changed.emit()
        return command

    def _forgetTheOldest(self) -> None:
        total = sum(step.size for step in self._done)
        while len(self._done) > self._maxCommands or (
            total > self._maxBytes and len(self._done) > 1
        ):
            total -= self._done.pop(0).size


def _joins(last: Command, command: Command) -> bool:
    return last.series == command.series and last.node is command.node


def _isThere(node: Any) -> bool:
    """Whether a node is still in a scene; anything that is no node counts as there."""
    return not hasattr(node, "GetScene") or node.GetScene() is not None


def _lastText(steps: list[Command]) -> str:
    return next((step.text for step in reversed(steps) if _isThere(step.node)), "")
