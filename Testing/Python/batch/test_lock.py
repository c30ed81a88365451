"""The lock of a run: held by the living, taken over from the dead."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from types import SimpleNamespace

import pytest

from RegQCLib.batch import lock
from RegQCLib.batch.lock import LOCK_FILE, run_lock
from RegQCLib.errors import InputError


def ended_pid():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def owner(**changes):
    return {**lock._ourselves(), **changes}


def test_a_second_run_is_refused_with_the_owners_name(tmp_path):
    with run_lock(tmp_path):
        held = json.loads((tmp_path / LOCK_FILE).read_text())
        assert held["pid"] == os.getpid()
        with pytest.raises(InputError) as refused, run_lock(tmp_path):
            pass
        words = f"{held['user']} on {socket.gethostname()}, process {os.getpid()}, since "
        assert words in str(refused.value)
        assert "\n" not in str(refused.value)
        assert json.loads((tmp_path / LOCK_FILE).read_text()) == held
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [
    lambda: owner(pid=ended_pid()),
    lambda: owner(started="another process had this number"),
])  # fmt: skip
def test_a_lock_of_the_dead_is_taken_over(tmp_path, content):
    if sys.platform != "linux":
        pytest.skip("only Linux tells when a process started")
    (tmp_path / LOCK_FILE).write_text(json.dumps(content()))
    with run_lock(tmp_path):
        assert json.loads((tmp_path / LOCK_FILE).read_text())["pid"] == os.getpid()
    assert not list(tmp_path.iterdir())


def test_a_lock_of_another_machine_stays(tmp_path):
    text = json.dumps(owner(pid=ended_pid(), host="cluster7", user="ada"))
    (tmp_path / LOCK_FILE).write_text(text)
    with pytest.raises(InputError, match=r"ada on cluster7.*delete .*\.lock"), run_lock(tmp_path):
        pass
    assert (tmp_path / LOCK_FILE).read_text() == text


@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_a_lock_that_was_never_finished_is_stale_after_a_while(tmp_path, text):
    file = tmp_path / LOCK_FILE
    file.write_text(text)
    if text != "[1]":  # it may be in the middle of being written
        with pytest.raises(InputError, match="in use by somebody"), run_lock(tmp_path):
            pass
    os.utime(file, (1, 1))
    with run_lock(tmp_path):
        pass
    assert not file.exists()


def test_a_lock_that_somebody_took_over_is_left_to_them(tmp_path):
    theirs = json.dumps(owner(host="elsewhere"))
    with run_lock(tmp_path):
        (tmp_path / LOCK_FILE).write_text(theirs)
    assert (tmp_path / LOCK_FILE).read_text() == theirs


def test_folders_that_cannot_be_written_are_named(tmp_path):
    gone = tmp_path / "gone"
    with pytest.raises(InputError, match=re.escape(str(gone))), run_lock(gone):
        pass


class Windows:
    """Stands in for ctypes on Windows. running: processes that can be opened; theirs: others'."""

    def __init__(self, running=(), ended=(), theirs=()):
        self.running, self.ended, self.theirs = running, ended, theirs
        self.open, self.error = [], 0

    def WinDLL(self, name, *, use_last_error):  # noqa: N802
        assert (name, use_last_error) == ("kernel32", True)
        return self

    def get_last_error(self):
        return self.error

    def OpenProcess(self, rights, inherit, pid):  # noqa: N802
        assert (rights, inherit) == (0x00100000, False)
        if pid in (*self.running, *self.ended):
            self.open.append(pid)
            return pid
        self.error = 5 if pid in self.theirs else 87  # access denied, invalid parameter
        return 0

    def WaitForSingleObject(self, handle, milliseconds):  # noqa: N802
        assert milliseconds == 0
        return 0x102 if handle in self.running else 0  # a time-out: it has not ended

    def CloseHandle(self, handle):  # noqa: N802
        self.open.remove(handle)


@pytest.mark.parametrize(("found", "taken"), [
    ({"running": [77]}, False),
    ({"theirs": [77]}, False),
    ({"ended": [77]}, True),  # somebody still holds a handle of it
    ({}, True),
])  # fmt: skip
def test_windows_tells_the_living_from_the_dead(tmp_path, monkeypatch, found, taken):
    windows = Windows(**found)
    monkeypatch.setattr(lock, "sys", SimpleNamespace(platform="win32"))
    monkeypatch.setattr(lock, "ctypes", windows)
    monkeypatch.setattr(lock, "_start_of", lambda _pid: "")  # there is no /proc
    monkeypatch.setattr(lock.os, "kill", lambda *_: pytest.fail("it ends processes there"))
    (tmp_path / LOCK_FILE).write_text(json.dumps(owner(pid=77, user="ada")))
    if taken:
        with run_lock(tmp_path):
            assert json.loads((tmp_path / LOCK_FILE).read_text())["pid"] == os.getpid()
    else:
        with pytest.raises(InputError, match=r"ada on .*process 77"), run_lock(tmp_path):
            pass
    assert windows.open == []
    assert (tmp_path / LOCK_FILE).exists() != taken


@pytest.mark.parametrize("method", ["unlink", "replace"])
def test_a_lock_that_somebody_reads_on_windows_stops_nothing_that_is_done(
    tmp_path, monkeypatch, method
):
    def in_use(self, *_arguments):
        raise PermissionError(13, "in use", str(self))

    if method == "unlink":
        with run_lock(tmp_path):
            monkeypatch.setattr(lock.Path, method, in_use)
        return
    (tmp_path / LOCK_FILE).write_text(json.dumps(owner(pid=ended_pid())))
    monkeypatch.setattr(lock.Path, method, in_use)
    with pytest.raises(InputError, match="at the same time"), run_lock(tmp_path):
        pass
