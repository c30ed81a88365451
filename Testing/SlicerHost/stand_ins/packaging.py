"""Stand-in for slicer.packaging (Slicer 5.12): it checks packages, and installs none.

What a module wanted to install stands in `installed`. As under Slicer's --testing, `pip_ensure`
does nothing; `slicer.app.setTestingEnabled(False)` shows what a user would meet.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

import slicer

# The lists of requirements that were to be installed, in order; tests look here and clear it.
installed: list[list[str]] = []


def load_requirements(path: str | Path) -> list[Any]:
    """The requirements in a file, one a line, without comments."""
    from packaging.requirements import Requirement

    lines = (line.split("#")[0].strip() for line in Path(path).read_text("utf-8").splitlines())
    return [Requirement(line) for line in lines if line]


def pip_check(requirements: Any) -> bool:
    """Whether all requirements are met by what is installed."""
    return not _missing(requirements)


def pip_ensure(requirements: Any, requester: str = "", **options: Any) -> None:
    """Ask, then install what is missing; raises RuntimeError when the user declines."""
    missing = _missing(requirements)
    if not missing or slicer.app.testingEnabled():
        return
    question = f"{requester or 'A module'} needs Python packages: {', '.join(missing)}"
    if not slicer.util.confirmOkCancelDisplay(question):
        raise RuntimeError(f"Not installed: {', '.join(missing)}")
    pip_install(missing, **options)


def pip_install(requirements: Any, **options: Any) -> None:
    installed.append([str(requirement) for requirement in _listed(requirements)])


def pip_uninstall(requirements: Any, **options: Any) -> None:
    raise RuntimeError("The host uninstalls nothing")


def _missing(requirements: Any) -> list[str]:
    from packaging.requirements import Requirement

    missing = []
    for text in map(str, _listed(requirements)):
        requirement = Requirement(text)
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            missing.append(text)
            continue
        if version not in requirement.specifier:
            missing.append(text)
    return missing


def _listed(requirements: Any) -> Iterable[Any]:
    if isinstance(requirements, str):
        return requirements.split()
    return requirements if isinstance(requirements, (list, tuple)) else [requirements]
