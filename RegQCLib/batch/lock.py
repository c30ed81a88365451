"""One run at a time in one folder: a lock file with the name of its owner.

A lock whose process has gone is taken over; that can be told on the owner's machine alone.
"""

from __future__ import annotations

import ctypes
import getpass
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from RegQCLib.errors import InputError

LOCK_FILE = ".lock"
STARTING_S = 10.0
"""A lock file may be empty so long, while its owner writes the name."""
SYNCHRONIZE = 0x00100000  # Windows: the right to wait for a process
ACCESS_DENIED = 5  # Windows: there is such a process, another user's


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder. Raises InputError, naming the owner, when somebody else does."""
    file = folder / LOCK_FILE
    owner = _ourselves()
    _acquire(file, owner)
    try:
        yield
    finally:
        if _read(file) == owner:
            with suppress(OSError):  # Windows: while somebody reads it; it is stale soon
                file.unlink()


def _acquire(file: Path, owner: dict[str, Any]) -> None:
    for _attempt in range(3):
        try:
            handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        except FileExistsError:
            _remove_stale(file)
            continue
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise InputError(
                f"{file.parent}: cannot be written ({reason}); choose another"
            ) from error
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(owner, stream)
        return
    raise InputError(f"{file.parent}: another run was started here at the same time; wait for it")


def _remove_stale(file: Path) -> None:
    """Remove a lock whose owner has gone. Raises InputError when it has not, as far as we know."""
    owner = _read(file)
    if owner is None or (owner and not _has_gone(owner)):
        who = (owner or {}).get
        raise InputError(
            f"{file.parent}: in use by {who('user', 'somebody')} on {who('host', 'some machine')}, "
            f"process {who('pid', '?')}, since {who('since', '?')}; wait for it, or, if it has "
            f"gone, delete {file}"
        )
    aside = file.with_name(f"{LOCK_FILE}.{os.getpid()}")
    with suppress(OSError):  # it has gone, or, on Windows, somebody reads it: we try again
        file.replace(aside)
        if _read(aside) != owner:  # somebody took it over in between: it is theirs
            aside.rename(file)
        else:
            aside.unlink()


def _read(file: Path) -> dict[str, Any] | None:
    """Return what a lock says: {} if it is damaged or gone, None while it is being written."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return content if isinstance(content, dict) else {}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        with suppress(OSError):
            if time.time() - file.stat().st_mtime < STARTING_S:
                return None
        return {}


def _ourselves() -> dict[str, Any]:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a number without a name, as in containers
        user = str(os.getuid()) if hasattr(os, "getuid") else "somebody"
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": _start_of(os.getpid()),
        "user": user,
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }


def _has_gone(owner: dict[str, Any]) -> bool:
    pid = owner.get("pid")
    if owner.get("host") != socket.gethostname() or not isinstance(pid, int):
        return False
    return not _is_alive(pid) or _start_of(pid) != owner.get("started")


def _is_alive(pid: int) -> bool:
    if sys.platform == "win32":  # os.kill would end the process
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        handle = kernel.OpenProcess(SYNCHRONIZE, False, pid)
        if not handle:
            return bool(ctypes.get_last_error() == ACCESS_DENIED)
        waiting = kernel.WaitForSingleObject(handle, 0)
        kernel.CloseHandle(handle)
        return bool(waiting != 0)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


def _start_of(pid: int) -> str:
    """When a process started, on Linux: its number may have been given away again."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]
