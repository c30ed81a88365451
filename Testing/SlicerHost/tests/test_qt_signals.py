"""Connections as PythonQt makes them."""

from __future__ import annotations

import functools
import weakref
from typing import Any

import pytest
from SlicerHost import qt_errors


class Receiver:
    def __init__(self, calls: list[Any]) -> None:
        self.calls = calls

    def none(self) -> None:
        self.calls.append(())

    def one(self, value: Any) -> None:
        self.calls.append((value,))

    def default(self, value: Any = "default") -> None:
        self.calls.append((value,))

    def all(self, *values: Any) -> None:
        self.calls.append(values)


@pytest.mark.parametrize(
    ("method", "expected"),
    [("none", ()), ("one", (False,)), ("default", (False,)), ("all", (False,))],
)
@pytest.mark.parametrize("way", ["signature", "name"])
def test_callback_gets_as_many_arguments_as_it_has_parameters(
    qt: Any, calls: list[Any], method: str, expected: tuple[Any, ...], way: str
) -> None:
    button, receiver = qt.QPushButton(), Receiver(calls)
    callback = getattr(receiver, method)
    if way == "signature":
        assert button.connect("clicked(bool)", callback)
    else:
        assert button.clicked.connect(callback)
    button.click()
    assert calls == [expected]


def test_default_arguments_are_filled_too(qt: Any, calls: list[Any]) -> None:
    """The trap of `lambda row=row:`: the signal's value replaces the default."""
    button = qt.QPushButton()
    button.connect("clicked(bool)", lambda row=7: calls.append(row))
    button.click()
    assert calls == [False]


def test_partial_gets_all_arguments(qt: Any, calls: list[Any]) -> None:
    button = qt.QPushButton()
    button.connect("clicked(bool)", functools.partial(Receiver(calls).all, "p"))
    button.click()
    assert calls == [("p", False)]


def test_signature_may_be_spelled_as_in_cpp(qt: Any, calls: list[Any]) -> None:
    edit = qt.QLineEdit()
    edit.connect("textChanged( const QString & )", calls.append)
    edit.text = "a"
    assert calls == ["a"]


def test_receiver_and_slot_by_name(qt: Any) -> None:
    box, widget = qt.QCheckBox(), qt.QWidget()
    box.connect("toggled(bool)", widget, "setDisabled(bool)")
    box.checked = True
    assert not widget.enabled


@pytest.mark.parametrize("signal", ["clicked(int)", "pushed()", "clicked"])
def test_wrong_signature_is_refused(qt: Any, signal: str) -> None:
    with pytest.raises(ValueError, match="has no signal"):
        qt.QPushButton().connect(signal, print)


def test_signal_of_qt6_alone_is_refused(qt: Any) -> None:
    with pytest.raises(ValueError, match="has no signal"):
        qt.QCheckBox().connect("checkStateChanged(Qt::CheckState)", print)


def test_overloaded_signal_needs_its_signature(qt: Any, calls: list[Any]) -> None:
    combo = qt.QComboBox()
    combo.addItems(["a", "b"])
    with pytest.raises(ValueError, match="full signature"):
        combo.currentIndexChanged.connect(calls.append)
    combo.connect("currentIndexChanged(int)", calls.append)
    combo.setCurrentIndex(1)
    assert calls == [1]


def test_what_is_not_callable_is_refused(qt: Any) -> None:
    with pytest.raises(ValueError, match="not callable"):
        qt.QPushButton().connect("clicked()", None)


def test_disconnect_takes_one_callback_away(qt: Any, calls: list[Any]) -> None:
    button, receiver = qt.QPushButton(), Receiver(calls)
    button.connect("clicked(bool)", receiver.one)
    button.connect("clicked(bool)", receiver.none)
    assert button.disconnect("clicked(bool)", receiver.one)
    assert not button.disconnect("clicked(bool)", receiver.one)
    button.click()
    assert calls == [()]


def test_disconnect_without_callback_takes_all_away(qt: Any, calls: list[Any]) -> None:
    button = qt.QPushButton()
    button.connect("clicked(bool)", calls.append)
    button.clicked.connect(calls.append)
    assert button.clicked.disconnect()
    button.click()
    assert calls == []


def test_calling_a_signal_emits_it(qt: Any, calls: list[Any]) -> None:
    button = qt.QPushButton()
    button.connect("clicked(bool)", calls.append)
    button.clicked(True)
    button.clicked.emit(False)
    assert calls == [True, False]


def test_connection_keeps_its_callable_and_sender_lets_it_go(qt: Any, calls: list[Any]) -> None:
    button, receiver = qt.QPushButton(), Receiver(calls)
    kept = weakref.ref(receiver)
    button.connect("clicked(bool)", receiver.one)
    del receiver
    button.click()
    assert calls == [(False,)]
    button.delete()
    assert kept() is None


def test_exception_in_a_slot_is_kept_not_raised(qt: Any, calls: list[Any]) -> None:
    button = qt.QPushButton()
    button.connect("clicked(bool)", lambda: 1 / 0)
    button.connect("clicked(bool)", calls.append)
    button.click()
    assert calls == [False]
    assert [text.splitlines()[-1] for text in qt_errors.slotErrors()] == [
        "ZeroDivisionError: division by zero"
    ]
    qt_errors.clear()
