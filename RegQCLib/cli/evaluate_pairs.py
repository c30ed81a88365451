"""``regqc evaluate --pairs``: methods of registration side by side on a set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from RegQCLib.cli.progress import Reporter
from RegQCLib.errors import InputError

if TYPE_CHECKING:
    from RegQCLib.evaluation.comparison import Comparison


def evaluate_pairs(
    manifest: Path,
    methods: Sequence[str],
    out: Path | None,
    progress: Reporter,
    *,
    start: str,
    device: str,
    overwrite: bool,
) -> list[str]:
    """Run the set, write the tables, show the summary; return notes on what failed."""
    from RegQCLib.outputs import output_folder

    if out is None:
        raise InputError("--pairs needs --out, the folder for its tables")
    with output_folder(out, overwrite=overwrite) as folder:
        result = _compared(manifest, methods, progress, start=start, device=device)
        result.save(folder)
    progress("done", 1.0)
    facts = {**result.to_dict(), "notes": result.problems, "out": str(out)}
    progress.result(result.table(), facts)
    return result.problems


def _compared(
    manifest: Path, methods: Sequence[str], progress: Reporter, *, start: Any, device: str
) -> Comparison:
    """Raises InputError where nothing at all could be measured."""
    from RegQCLib import __version__
    from RegQCLib.batch.pairs import read_pairs
    from RegQCLib.evaluation.comparison import compare
    from RegQCLib.evaluation.methods import read_methods
    from RegQCLib.evaluation.pair_set import run_set
    from RegQCLib.hashing import sha256_of, sha256_of_model

    chosen = read_methods(methods, device)
    pairs = read_pairs(manifest).pairs
    rows = run_set(pairs, chosen, start=start, device=device, progress=progress)
    if all(row.problem for row in rows):
        raise InputError(f"{manifest}: no pair could be measured; the first: {rows[0].problem}")
    files = [Path(text.rpartition("=")[2]) for text in methods]
    provenance = {
        "version": __version__,
        "manifest": {"path": str(manifest), "sha256": sha256_of(manifest)},
        "models": {str(file): sha256_of_model(file) for file in files if file.is_file()},
        "start": start,
        "device": _device_name(device),
    }
    return compare(rows, provenance)


def _device_name(device: str) -> str:
    """What times were taken on."""
    from importlib.util import find_spec

    if find_spec("torch") is None:
        return "CPU"
    from RegQCLib.registration.iterative.affine_torch import torch_device
    from RegQCLib.training.device import describe_device

    return describe_device(torch_device(device))
