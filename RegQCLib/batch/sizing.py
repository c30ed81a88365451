"""How many processes fit into cores and memory, and which threads each may start."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from RegQCLib.errors import InputError
from RegQCLib.geometry.memory import available_bytes

BASE_BYTES = 700 * 2**20
"""Of a process that has checked a small pair."""
BYTES_PER_FILE_BYTE = 30
"""Memory of a check for each byte of compressed images; registrations take more."""
SAMPLE = 200
GPU_BYTES = 3 * 2**30
"""Of a process that checks on a GPU: CUDA itself, the networks, and one batch of slices."""
GPU_PATIENCE_S = 20

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


def cores_of_workers(
    workers: int | None, images: Iterable[tuple[Path, ...]], *, device: str = "cpu"
) -> list[list[int]]:
    """Return the cores of each process.

    workers: how many; by default one a core, as far as memory goes, that of a GPU included, which
    they share. images: of the pairs, of which the largest counts. device: "auto", "cpu" or "cuda".
    Raises InputError for less than one.
    """
    cores = usable_cores()
    if workers is None:
        workers = min(len(cores), int(available_bytes() // bytes_of_worker(images)))
        gpu = None if device == "cpu" else free_gpu_bytes()
        if gpu is not None:
            workers = min(workers, gpu // GPU_BYTES)
        workers = max(1, workers)
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


def free_gpu_bytes() -> int | None:
    """Memory that is free on the first GPU, as its driver says; None without one."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    query = [program, "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    try:
        found = subprocess.run(  # noqa: S603 - a program of the driver, without input of users
            query, capture_output=True, text=True, check=True, timeout=GPU_PATIENCE_S
        )
        return int(found.stdout.split()[0]) * 2**20
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
