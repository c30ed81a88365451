"""How many processes fit into cores and memory, and which threads each may start."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from RegQCLib.errors import InputError
from RegQCLib.geometry.memory import available_bytes

BASE_BYTES = 700 * 2**20
"""Of a process that has checked small pairs: 400 MiB, and what OpenVINO keeps for many sizes."""
BYTES_PER_VOXEL = {"check": 45, "more": 110}
"""What a check takes for each voxel of its images, and one with registration or repair before.

Testing/Benchmarks/batch/memory.py compares the estimate with peaks of memory.
"""
HEADERS = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
VOXELS_PER_BYTE = 3
"""Of other files, which may be compressed."""
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
    workers: int | None,
    images: Iterable[tuple[Path, ...]],
    *,
    device: str = "cpu",
    checks_alone: bool = True,
) -> list[list[int]]:
    """Return the cores of each process.

    workers: how many; by default one a core, as far as memory goes, that of a GPU included, which
    they share. images: of the pairs, of which the largest counts. device: "auto", "cpu" or "cuda".
    checks_alone: nothing is registered or repaired.
    Raises InputError for less than one.
    """
    cores = usable_cores()
    if workers is None:
        each = bytes_of_worker(images, checks_alone=checks_alone)
        workers = min(len(cores), int(available_bytes() // each))
        gpu = None if device == "cpu" else free_gpu_bytes()
        if gpu is not None:
            workers = min(workers, gpu // GPU_BYTES)
        workers = max(1, workers)
    if workers < 1:
        raise InputError(f"at least one worker must run, got {workers}")
    if workers >= len(cores):
        return [[cores[n % len(cores)]] for n in range(workers)]
    return [cores[n::workers] for n in range(workers)]


def bytes_of_worker(images: Iterable[tuple[Path, ...]], *, checks_alone: bool = True) -> int:
    """Estimate the memory of one process from the headers of the first `SAMPLE` pairs' images."""
    sampled = list(islice(images, SAMPLE))
    voxels = {path: voxels_of(path) for path in {path for paths in sampled for path in paths}}
    largest = max((sum(voxels[path] for path in paths) for paths in sampled), default=0)
    return BASE_BYTES + BYTES_PER_VOXEL["check" if checks_alone else "more"] * largest


def voxels_of(path: Path) -> int:
    """Return how many voxels an image has by its header, else by its size; 0 without a file."""
    import SimpleITK

    from RegQCLib.geometry.sitk import quiet

    files = list(path.iterdir()) if path.is_dir() else [path]
    guess = VOXELS_PER_BYTE * sum(file.stat().st_size for file in files if file.is_file())
    if not guess or path.is_dir() or not path.name.lower().endswith(HEADERS):
        return guess
    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        with quiet():
            reader.ReadImageInformation()
    except RuntimeError:  # damaged: the pair says so when its turn comes
        return guess
    return math.prod(reader.GetSize()) * reader.GetNumberOfComponents()


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
