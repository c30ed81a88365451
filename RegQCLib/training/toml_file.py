"""Configurations as TOML files, some of which ship."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from RegQCLib.errors import InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CONFIG_FOLDER = Path(__file__).parent / "configs"
REGISTRATION = "registration_"
"""How the names of shipped files for ``regqc train registration`` begin."""


def read_toml(path: str | Path, *, registration: bool = False) -> tuple[Path, dict[str, Any]]:
    """Return the file that ``path`` means and its content; a bare name means a shipped file.

    registration: which of the shipped files may be meant.
    Raises InputError when there is no such file or it is not TOML.
    """
    file = Path(path)
    stems = {p.stem for p in CONFIG_FOLDER.glob("*.toml")}
    shipped = {stem for stem in stems if stem.startswith(REGISTRATION) == registration}
    if not file.exists() and str(path) in shipped:
        file = CONFIG_FOLDER / f"{path}.toml"
    if not file.is_file():
        names = ", ".join(sorted(shipped))
        raise InputError(f"{path}: no such training configuration; shipped ones: {names}")
    try:
        return file, tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: not a valid TOML file ({error})") from None
