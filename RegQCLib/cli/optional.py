"""Packages that only some commands need, asked for before any work begins."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from RegQCLib.errors import MissingDependencyError


def require_packages(what: str, packages: Sequence[str], extra: str) -> None:
    """Raise MissingDependencyError when a package is not installed.

    what: what needs them ("training"). extra: the extra of pyproject.toml that installs them.
    """
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise MissingDependencyError(
            f"{what} needs {' and '.join(missing)}; run: pip install 'RegQC[{extra}]'"
        )
