"""The lock of a run: held by the living, taken over from the dead."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys

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
