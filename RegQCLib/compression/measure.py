"""What a form of a model costs: bytes on disk, milliseconds, memory. All measured, none derived."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from RegQCLib.compression.target import Array, Runner
from RegQCLib.errors import InputError
from RegQCLib.progress import Progress, silent

WARM_UP = 2


def file_bytes(files: Sequence[Path]) -> int:
    """Size of the files of a form together."""
    return sum(file.stat().st_size for file in files)


def latencies_ms(
    runners: Mapping[str, Runner],
    arrays: tuple[Array, ...],
    *,
    repeats: int,
    threads: int,
    progress: Progress = silent,
) -> dict[str, list[float]]:
    """Milliseconds of every call, one of each model in turn, so that all share the same conditions.

    threads: of torch; the other runtimes were given theirs when they were opened.
    """
    if repeats < 1:
        raise InputError(f"a latency needs at least one repeat, got {repeats}")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    times: dict[str, list[float]] = {name: [] for name in runners}
    try:
        for turn in range(WARM_UP + repeats):
            for name, run in runners.items():
                start = time.perf_counter()
                run(*arrays)
                if turn >= WARM_UP:
                    times[name].append(1000 * (time.perf_counter() - start))
            progress("timing", (turn + 1) / (WARM_UP + repeats))
    finally:
        torch.set_num_threads(before)
    return times


def spread(times: Sequence[float]) -> dict[str, float]:
    """Median and quartiles; the least is what the machine can do when nothing disturbs it."""
    low, middle, high = np.percentile(times, [25, 50, 75])
    return {
        "latency_ms": float(middle),
        "latency_q1_ms": float(low),
        "latency_q3_ms": float(high),
        "latency_least_ms": float(min(times)),
    }


def peak_memory_mb(form: str, folder: Path, shapes: Sequence[Sequence[int]], threads: int) -> float:
    """Largest resident memory of a fresh process that loads a form and runs one batch.

    It counts the runtime too, which is most of it for small models. NaN where the system does not
    tell. Raises InputError when the process fails.
    """
    sizes = ["x".join(map(str, shape)) for shape in shapes]
    command = [sys.executable, "-m", "RegQCLib.compression.probe", form, str(folder), str(threads)]
    # fixed words and our own paths
    done = subprocess.run([*command, *sizes], capture_output=True, text=True, check=False)  # noqa: S603
    try:
        return float(done.stdout.split()[-1])
    except (ValueError, IndexError):
        reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise InputError(f"{folder.name}: the form {form} does not run: {reason}") from None
