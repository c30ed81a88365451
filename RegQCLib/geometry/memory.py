"""Whether an image fits into memory, asked before it is loaded; and giving memory back."""

from __future__ import annotations

import ctypes
import gc
import math
import os
from collections.abc import Sequence
from pathlib import Path

from RegQCLib.errors import InputError

ASSUMED_BYTES = 8 * 2**30
"""Taken as available where the system does not tell (Windows)."""

WORKING_BYTES_PER_VOXEL = 4
"""A float32 copy, which every resampling and check makes, on top of the stored values."""


def available_bytes() -> int:
    """Memory that can still be taken: Linux's own estimate within the cgroup's limit, else all RAM.

    Elsewhere than on Linux the system reports only the total; on Windows `ASSUMED_BYTES` is used.
    """
    amount = _meminfo()
    if amount is None:
        try:
            amount = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        except (AttributeError, ValueError, OSError):
            amount = ASSUMED_BYTES
    limit = _cgroup()
    return amount if limit is None else min(amount, limit)


def require_memory(name: str | Path, shape: Sequence[int], bytes_per_voxel: int) -> None:
    """Raise InputError when an image of ``shape`` and its working copy cannot fit into memory."""
    needed = math.prod(int(n) for n in shape) * (bytes_per_voxel + WORKING_BYTES_PER_VOXEL)
    available = available_bytes()
    if needed > available:
        size = " x ".join(str(n) for n in shape)
        raise InputError(
            f"{name}: too little memory: {size} voxels need {needed / 2**30:.1f} GiB and "
            f"{available / 2**30:.1f} GiB are available; crop or downsample the image, "
            "or close other programs"
        )


def release_unused() -> None:
    """Give what was freed back to the system.

    The C library of Linux keeps arrays of a volume's size for itself once they are freed, so that
    steps which run one after the other would add up. Elsewhere this only collects garbage.
    """
    gc.collect()
    trim = getattr(_c_library(), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _c_library() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(None)
    except (OSError, TypeError):  # Windows
        return None


def _meminfo() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        return None
    return None


def _cgroup() -> int | None:
    """Return what is left below the limit of a container (cgroup 2), if there is one."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit = int((folder / "memory.max").read_text(encoding="ascii"))
        used = int((folder / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):  # no cgroup 2, or "max": unlimited
        return None
    return max(limit - used, 0)
