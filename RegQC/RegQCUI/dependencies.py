"""Python packages that Slicer does not bring along: what is missing, and how it is installed.

Nothing is installed before a user presses a button that needs it. torch comes only through the
PyTorch extension, which knows which build fits the computer.
"""

from __future__ import annotations

import subprocess
from importlib import metadata
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from RegQCScene.python_for_jobs import chosenPython
from RegQCUI.paths import resourcePath

REQUESTER = "RegQC"
TORCH_VERSION = ">=2.2"  # the last one for Intel Macs


def missingRequirements() -> list[str]:
    """Return the lines of requirements.txt that this Python does not satisfy; quick."""
    lines = Path(resourcePath("requirements.txt")).read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    return [line for line in wanted if not _satisfied(line)]


def ensureRequirements(requester: str = REQUESTER) -> None:
    """Install what is missing after asking; call it where a user starts work that needs it.

    Raises RuntimeError with one line if the user declines or the installation fails.
    """
    missing = missingRequirements()
    if not missing:
        return
    try:
        _install(missing, requester)
    except subprocess.CalledProcessError as error:
        text = _("pip could not install {packages}. Look at the Python console for what it said.")
        raise RuntimeError(text.format(packages=", ".join(missing))) from error
    left = missingRequirements()
    if left:
        raise RuntimeError(
            _("Still missing: {packages}. Look at the Python console for what pip said.").format(
                packages=", ".join(left)
            )
        )


def torchIsInstalled() -> bool:
    """Tell whether a whole torch is there, without importing it.

    A broken installation can leave its folder behind but no version.
    """
    try:
        return bool(metadata.version("torch"))
    except metadata.PackageNotFoundError:
        return False


def ensureTorch() -> None:
    """Install torch after asking; call it where a calculation cannot do without.

    Another Python that was chosen for the work has packages of its own. Raises RuntimeError as
    `installTorch` does.
    """
    if not chosenPython() and not torchIsInstalled():
        installTorch()


def installTorch() -> None:
    """Install torch through the PyTorch extension, which asks first.

    Raises RuntimeError with what to press where that extension is missing or the user declines.
    """
    try:
        import PyTorchUtils
    except ModuleNotFoundError as error:
        raise RuntimeError(
            _(
                "Install the extension PyTorch in the Extensions Manager and restart Slicer; "
                "then press this button again."
            )
        ) from error
    torch = PyTorchUtils.PyTorchUtilsLogic().installTorch(
        askConfirmation=True, torchVersionRequirement=TORCH_VERSION
    )
    if torch is None:
        raise RuntimeError(_("torch was not installed; everything else works without it."))


def _satisfied(requirement: str) -> bool:
    """Whether ``name>=version`` is met by what is installed."""
    name, _separator, least = requirement.partition(">=")
    try:
        installed = metadata.version(name.strip())
    except metadata.PackageNotFoundError:
        return False
    # a broken installation can leave a package without a version
    return bool(installed) and _numbers(installed) >= _numbers(least)


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: (2025, 0) for "2025.0.0rc1" is close enough here."""
    numbers = []
    for part in version.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


def _install(missing: list[str], requester: str) -> None:
    try:
        from slicer import packaging
    except ImportError:  # before Slicer 5.12
        _installThroughUtil(missing, requester)
    else:
        packaging.pip_ensure(missing, requester=requester)


def _installThroughUtil(missing: list[str], requester: str) -> None:
    """The way of Slicer 5.10: ask, then run pip."""
    question = _("{requester} needs these Python packages: {packages}. Install them now?")
    question = question.format(requester=requester, packages=", ".join(missing))
    if not slicer.util.confirmOkCancelDisplay(question):
        text = _("Nothing was installed: {packages}")
        raise RuntimeError(text.format(packages=", ".join(missing)))
    with slicer.util.WaitCursor():
        slicer.util.pip_install(missing)
