"""How many processes fit into cores and memory, and which threads each may start."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from RegQCLib.errors import InputError
from RegQCLib.geometry.memory import available_bytes

BASE_BYTES = 700 * 2**20
"""Of a process that has checked a small pair."""
BYTES_PER_FILE_BYTE = 30
"""Memory of a check for each byte of compressed images; registrations take more."""
SAMPLE = 200

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)


def thread_variables(threads: int) -> dict[str, str]:
    """Environment of a process that may use so many threads; read when libraries are loaded."""
    return dict.fromkeys(THREAD_VARIABLES, str(threads))


def usable_cores() -> list[int]:
    """Numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def cores_of_workers(workers: int | None, images: Iterable[tuple[Path, ...]]) -> list[list[int]]:
    """Return the cores of each process.

    workers: how many; by default one a core, as far as memory goes. images: of the pairs, of which
    the largest counts. Raises InputError for less than one.
    """
    cores = usable_cores()
    if workers is None:
        workers = max(1, min(len(cores), int(available_bytes() // bytes_of_worker(images))))
    if workers < 1:
        raise InputError(f"at least one worker must run, got {workers}")
    if workers >= len(cores):
        return [[cores[n % len(cores)]] for n in range(workers)]
    return [cores[n::workers] for n in range(workers)]


def bytes_of_worker(images: Iterable[tuple[Path, ...]]) -> int:
    """Estimate the memory of one process from the sizes of the image files."""
    largest = 0
    for paths in list(images)[:SAMPLE]:
        largest = max(largest, sum(p.stat().st_size for p in paths if p.is_file()))
    return BASE_BYTES + BYTES_PER_FILE_BYTE * largest
