"""Output folders that appear complete or not at all.

Work is written into a temporary folder beside the target (inside it, where the target exists and
is empty: it may be a mount point) and renamed at the end. A marker file lists what a run wrote, so
that ``overwrite`` removes nothing else.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from RegQCLib.errors import InputError

MARKER = ".regqc-run.json"
LITTER = {".DS_Store", "Thumbs.db", "desktop.ini"}  # file managers leave these anywhere
STAGING_PREFIX = ".regqc-partial-"


@contextmanager
def output_folder(path: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary folder whose contents become ``path`` when the block succeeds.

    If the block raises, or is interrupted, nothing is left behind, nor are parents made on the way.
    overwrite: replace an earlier run of RegQC at ``path``, and only that.
    Raises InputError when ``path`` is a file, holds files that may not be replaced, or cannot be
    written.
    """
    target = Path(path).expanduser().absolute().resolve()
    earlier = _check_target(target, overwrite=overwrite)
    mount = target.is_dir() and not earlier
    parents: list[Path] = []
    staging: Path | None = None
    try:
        try:
            parents = _make_parents(target.parent)
            staging = Path(
                tempfile.mkdtemp(prefix=STAGING_PREFIX, dir=target if mount else target.parent)
            )
        except OSError as error:
            raise _unwritable(target, error) from error
        yield staging
        _write_marker(staging)
        staging.chmod(0o777 & ~_umask())  # mkdtemp is private; a result is not
        try:
            if mount:
                _move_contents(staging, target)
            elif earlier:
                _replace(staging, target)
            else:
                staging.rename(target)
        except OSError as error:
            raise _unwritable(target, error) from error
    except BaseException:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
        for parent in reversed(parents):
            _remove_if_empty(parent)
        raise


def _check_target(target: Path, *, overwrite: bool) -> bool:
    """Return whether ``target`` holds an earlier run that is to be replaced."""
    if target.exists() and not target.is_dir():
        raise InputError(f"{target}: is a file, not a folder; choose another output folder")
    try:
        names = {entry.name for entry in target.iterdir()} if target.is_dir() else set()
    except OSError as error:
        raise _unwritable(target, error) from error
    if not names - LITTER:
        return False
    if MARKER not in names:
        raise InputError(
            f"{target}: the output folder holds files that RegQC did not write; choose another"
        )
    if not overwrite:
        raise InputError(
            f"{target}: the output folder holds another run; choose another or pass --overwrite"
        )
    foreign = sorted(names - LITTER - {MARKER} - _marked(target))
    if foreign:
        raise InputError(
            f"{target}: holds {foreign[0]}, which RegQC did not write, beside an earlier run; "
            "move it away or choose another output folder"
        )
    return True


def _marked(folder: Path) -> set[str]:
    """Return the names that the run in ``folder`` wrote; none when its marker is damaged."""
    try:
        return set(json.loads((folder / MARKER).read_text(encoding="utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _write_marker(folder: Path) -> None:
    names = sorted(entry.name for entry in folder.iterdir())
    text = json.dumps({"program": "regqc", "files": names}, indent=1)
    (folder / MARKER).write_text(text + "\n", encoding="utf-8")


def _make_parents(folder: Path) -> list[Path]:
    """Make ``folder`` and its missing parents; return those made, outermost first."""
    missing = [p for p in (folder, *folder.parents) if not p.exists()][::-1]
    made: list[Path] = []
    try:
        for parent in missing:
            parent.mkdir()
            made.append(parent)
    except BaseException:
        for parent in reversed(made):
            _remove_if_empty(parent)
        raise
    return made


def _replace(staging: Path, target: Path) -> None:
    """Put ``staging`` in the place of the earlier run ``target``, or leave that as it was."""
    aside = Path(tempfile.mkdtemp(prefix=".regqc-old-", dir=target.parent))
    old = aside / target.name
    try:
        target.rename(old)
        staging.rename(target)
    except BaseException:
        if old.exists() and not target.exists():
            old.rename(target)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _move_contents(staging: Path, target: Path) -> None:
    """Move everything into the existing empty folder ``target``, the marker last."""
    moved: list[Path] = []
    try:
        for entry in sorted(staging.iterdir(), key=lambda e: e.name == MARKER):
            moved.append(target / entry.name)
            entry.rename(moved[-1])
        staging.rmdir()
    except BaseException:
        for entry in moved:
            shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink(True)
        raise


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:  # something else arrived there meanwhile: it stays
        return


def _umask() -> int:
    """Return the process's umask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _unwritable(target: Path, error: OSError) -> InputError:
    reason = error.strerror or type(error).__name__
    return InputError(f"{target}: cannot write the output folder ({reason}); choose another")
