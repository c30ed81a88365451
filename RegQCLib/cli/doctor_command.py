"""``regqc doctor``: what this machine has, and whether a check can run here."""

from __future__ import annotations

import json
import os
import platform
from importlib import import_module, metadata
from typing import Annotated, Any

import typer

REQUIRED = (
    "jinja2",
    "nibabel",
    "numpy",
    "openvino",
    "rich",
    "scipy",
    "SimpleITK",
    "typer",
)
OPTIONAL = {
    "torch": "GPU, synthesis, training",
    "monai": "GPU, training",
    "matplotlib": "synthesis, training",
    "nncf": "export of models",
}
EXIT_NOT_READY = 2


def doctor_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Report versions, accelerators, memory and models; exit 2 if something needed is missing."""
    facts = examine()
    if as_json:
        typer.echo(json.dumps(facts, indent=1))
    else:
        for line in _lines(facts):
            typer.echo(line)
    if facts["problems"]:
        raise typer.Exit(EXIT_NOT_READY)


def examine() -> dict[str, Any]:
    """Return what was found; ``problems`` lists, one line each, what stands in a check's way."""
    from RegQCLib import __version__
    from RegQCLib.cli.shipped_models import missing_models, shipped_models
    from RegQCLib.geometry.memory import available_bytes

    versions = {name: _version(name) for name in REQUIRED}
    versions |= {name: _installed(name) for name in OPTIONAL}  # importing them takes long
    problems = [
        f"{name} is missing or broken; run: pip install {name}"
        for name in REQUIRED
        if versions[name] is None
    ]
    models = shipped_models()
    problems += [f"model {m.file} is damaged; reinstall RegQC" for m in models if m.intact is False]
    problems += [f"model {name} is missing; reinstall RegQC" for name in missing_models()]
    if not models:
        problems.append("no model is installed; reinstall RegQC")
    return {
        "regqc": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": versions,
        "openvino_devices": _openvino_devices() if versions["openvino"] else [],
        "cuda_devices": _cuda_devices() if versions["torch"] else [],
        "cores": os.cpu_count(),
        "free_memory_gb": round(available_bytes() / 1e9, 1),
        "models": len(models),
        "problems": problems,
    }


def _lines(facts: dict[str, Any]) -> list[str]:
    lines = [
        f"regqc {facts['regqc']}, Python {facts['python']}, {facts['system']}",
        f"{facts['cores']} cores, {facts['free_memory_gb']} GB of memory free",
    ]
    for name, version in facts["packages"].items():
        use = f" (optional: {OPTIONAL[name]})" if name in OPTIONAL else ""
        lines.append(f"{name}: {version or 'not installed'}{use}")
    lines += [
        f"OpenVINO devices: {', '.join(facts['openvino_devices']) or 'none'}",
        f"CUDA devices: {', '.join(facts['cuda_devices']) or 'none'}",
        f"model files: {facts['models']}",
    ]
    lines += [f"problem: {problem}" for problem in facts["problems"]]
    return lines if facts["problems"] else [*lines, "ready to check images"]


def _version(name: str) -> str | None:
    """Return the version of a package that can really be imported, else None."""
    try:
        module = import_module(name)
    except Exception:  # noqa: BLE001 - a broken library may raise anything while it loads
        return None
    return _installed(name) or str(getattr(module, "__version__", "unknown"))


def _installed(name: str) -> str | None:
    """Return the version of a package that pip knows, else None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _openvino_devices() -> list[str]:
    import openvino

    return list(openvino.Core().available_devices)


def _cuda_devices() -> list[str]:
    try:
        import torch
    except Exception:  # noqa: BLE001 - as in _version; a check needs no torch
        return []
    return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
