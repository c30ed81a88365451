"""Signals in plain Python: PythonQt offers none to classes that are not its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Receiver = Callable[..., Any]


class Signal:
    """Calls every connected receiver, in the order in which they were connected."""

    def __init__(self) -> None:
        self._receivers: list[Receiver] = []

    @property
    def receivers(self) -> tuple[Receiver, ...]:
        """Those that are connected now."""
        return tuple(self._receivers)

    def connect(self, receiver: Receiver) -> None:
        """Call ``receiver`` with whatever is emitted; connecting it again changes nothing."""
        if receiver not in self._receivers:
            self._receivers.append(receiver)

    def disconnect(self, receiver: Receiver) -> None:
        """Call ``receiver`` no more; one that is not connected is fine."""
        if receiver in self._receivers:
            self._receivers.remove(receiver)

    def disconnectAll(self) -> None:
        """Forget every receiver."""
        self._receivers.clear()

    def emit(self, *arguments: Any) -> None:
        """Call the receivers that are connected now.

        One that fails does not keep the others from being told; the first error is raised last.
        """
        failure: Exception | None = None
        for receiver in tuple(self._receivers):
            if receiver not in self._receivers:  # an earlier receiver disconnected it
                continue
            try:
                receiver(*arguments)
            except Exception as error:  # noqa: BLE001 - raised again below
                failure = failure or error
        if failure is not None:
            raise failure
