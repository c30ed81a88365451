"""Files that appear complete or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from RegQCLib.errors import InputError


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path with the same file name that replaces ``path`` when the block ends.

    Nothing is left behind, and an earlier file stays, when the block raises. Writers that choose
    the format by the suffix see the same one. The block holds the writing alone: ITK and torch
    report failed writes as bare RuntimeErrors.
    Raises InputError when the folder does not exist or cannot be written, or the writer fails.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise InputError(
            f"{target}: cannot be written: the folder {target.parent} does not exist; make it first"
        )
    try:
        # A folder, not a file: two writers never meet, and ITK may add files of its own.
        with tempfile.TemporaryDirectory(prefix=".regqc-", dir=target.parent) as folder:
            temporary = Path(folder) / target.name
            yield temporary
            temporary.replace(target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{target}: cannot be written ({reason}); choose another place") from error
    except RuntimeError as error:
        raise InputError(f"{target}: the writer failed; is the disk full?") from error
