"""Which Python runs the `regqc` command, and what its environment must hold."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import RegQCLib

ENVIRONMENT_VARIABLE = "REGQC_PYTHON"
SETTING = "RegQC/PythonExecutable"
LAUNCHERS = ("PythonSlicer", "PythonSlicer.exe")


def pythonForJobs() -> str:
    """Return the Python for child processes.

    The first of: the environment variable `ENVIRONMENT_VARIABLE`; the application setting
    `SETTING` (another Python may reach a GPU that Slicer's own cannot); PythonSlicer beside the
    running executable; the running Python.
    """
    chosen = chosenPython()
    if chosen:
        return chosen
    for folder in _applicationFolders():
        for name in LAUNCHERS:
            if (folder / name).is_file():
                return str(folder / name)
    return sys.executable


def environmentForJobs(temporaryFolder: Path) -> dict[str, str]:
    """Return the environment of a child process: ours, with RegQCLib on the path.

    temporaryFolder: for the child's temporary files; whoever ends the child removes it. Another
    Python than Slicer's gets the environment in which Slicer was started, without its libraries.
    """
    environment = _startupEnvironment() if chosenPython() else dict(os.environ)
    library = str(Path(RegQCLib.__file__).resolve().parent.parent)
    paths = [library, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    environment["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    environment.update(dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporaryFolder)))
    environment["PYTHONIOENCODING"] = "utf-8"
    environment["PYTHONDONTWRITEBYTECODE"] = "1"  # an installed extension may be read-only
    return environment


def _applicationFolders() -> list[Path]:
    """Where Slicer's own executables lie; none of them outside Slicer."""
    import slicer

    home = os.environ.get("SLICER_HOME") or getattr(slicer.app, "slicerHome", "")
    folders = [Path(sys.executable).parent]
    return [*folders, Path(home) / "bin"] if isinstance(home, str) and home else folders


def chosenPython() -> str:
    """Return the Python that somebody chose; "" where nobody did."""
    return os.environ.get(ENVIRONMENT_VARIABLE, "") or _setting()


def _startupEnvironment() -> dict[str, str]:
    import slicer

    try:
        return dict(slicer.util.startupEnvironment())
    except AttributeError:  # outside the application
        return dict(os.environ)


def _setting() -> str:
    import slicer

    try:
        return str(slicer.app.settings().value(SETTING) or "")
    except AttributeError:  # no settings without the application
        return ""
