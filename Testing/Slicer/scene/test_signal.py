"""Signals tell everyone, whatever one of them does."""

from __future__ import annotations

import pytest

from RegQCScene.signal import Signal


def test_receivers_hear_in_order_and_once():
    signal, heard = Signal(), []
    first = lambda value: heard.append(("first", value))  # noqa: E731
    signal.connect(first)
    signal.connect(first)
    signal.connect(lambda value: heard.append(("second", value)))
    signal.emit(3)
    assert heard == [("first", 3), ("second", 3)]
    signal.disconnect(first)
    signal.disconnect(first)
    signal.emit(4)
    assert heard[2:] == [("second", 4)]
    signal.disconnectAll()
    signal.emit(5)
    assert len(heard) == 3


def test_one_that_fails_does_not_silence_the_others():
    signal, heard = Signal(), []

    def fail():
        raise KeyError("defect")

    signal.connect(fail)
    signal.connect(lambda: heard.append(True))
    with pytest.raises(KeyError):
        signal.emit()
    assert heard == [True]


def test_receivers_may_disconnect_each_other():
    signal, heard = Signal(), []

    def second():
        heard.append("second")

    def first():
        heard.append("first")
        signal.disconnect(second)

    signal.connect(first)
    signal.connect(second)
    signal.emit()
    assert heard == ["first"]
