"""Runs a command by itself and measures it: wall and CPU seconds, peak memory, with a time limit.

POSIX only. Peak memory is the kernel's high-water mark of the process (Linux: VmHWM, read while it
runs); ``ru_maxrss`` alone would count what the benchmark itself held when it started the child.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

POLL_S = 0.02
TAIL_CHARACTERS = 2000


@dataclass(frozen=True)
class Measured:
    """What a command took. code: its exit code, negative for a signal. tail: its last output."""

    code: int
    wall_s: float
    cpu_s: float
    peak_gb: float
    timed_out: bool
    tail: str


def run_measured(command: Sequence[str], *, threads: int, limit_s: float) -> Measured:
    """Run ``command`` to its end, or kill it and its children after ``limit_s`` seconds."""
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_environment(threads),
            start_new_session=True,
        )
        peak, late, usage, status = 0.0, False, None, 0
        try:
            while usage is None:
                peak = max(peak, _high_water_gb(child.pid))
                if not late and time.perf_counter() - started > limit_s:
                    late = True
                    os.killpg(child.pid, signal.SIGKILL)
                done, status, found = os.wait4(child.pid, os.WNOHANG)
                usage = found if done else None
                if usage is None:
                    time.sleep(POLL_S)
        except BaseException:  # an interrupted benchmark leaves no child behind
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            raise
        wall = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(max(0, output.seek(0, os.SEEK_END) - TAIL_CHARACTERS))
        tail = output.read().decode("utf-8", "replace")
    return Measured(
        code=child.returncode,
        wall_s=wall,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_gb=peak or _resident_gb(usage),
        timed_out=late,
        tail=tail,
    )


def _environment(threads: int) -> dict[str, str]:
    """The same number of threads for every library; OpenMP must not spin while it waits."""
    names = ("OMP", "MKL", "OPENBLAS", "NUMEXPR")
    return {
        **os.environ,
        **{f"{name}_NUM_THREADS": str(threads) for name in names},
        "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _high_water_gb(pid: int) -> float:
    """Peak resident memory of a live process; 0 where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e9
    return 0.0


def _resident_gb(usage: resource.struct_rusage) -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return usage.ru_maxrss * unit / 1e9
