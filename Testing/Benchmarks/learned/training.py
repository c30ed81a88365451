"""Configurations of training written from Python values; runs and figures that are done once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from RegQCLib.training.registration.train import train


def trained(config: Mapping[str, Any], folder: Path) -> Path:
    """The model file that ``config`` makes in ``folder``, trained now or in an earlier run."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "config.toml"
    text = toml(config)
    if file.exists() and file.read_text() != text:
        raise SystemExit(f"{folder} holds a run of another configuration; choose another --work")
    file.write_text(text)
    run = folder / "run"
    finished = folder / "finished"
    if not finished.exists():
        resume = (run / "checkpoint.pt").exists()
        train(file, run, resume=resume, device="auto", progress=show)
        finished.touch()
    return run / "model.npz"


def kept(file: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What ``make`` returns, from ``file`` if an earlier run wrote it there; remove it to renew."""
    if not file.exists():
        figures = make()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(figures, indent=1))
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def toml(tables: Mapping[str, Any]) -> str:
    """TOML of plain values and tables of them; JSON's spelling of these is TOML's."""
    lines = [f"{key} = {json.dumps(v)}" for key, v in tables.items() if not _is_table(v)]
    for name, table in tables.items():
        for row in table if isinstance(table, list) else [table]:
            if isinstance(row, Mapping):
                lines.append(f"\n[[{name}]]" if isinstance(table, list) else f"\n[{name}]")
                lines += [f"{key} = {json.dumps(value)}" for key, value in row.items()]
    return "\n".join(lines) + "\n"


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)
    )


def show(stage: str, fraction: float) -> None:
    """Print progress on one line."""
    print(f"\r{100 * fraction:3.0f} % {stage:60s}", end="", flush=True)
