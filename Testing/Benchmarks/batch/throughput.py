"""What a batch costs beyond the checks: ``python -m Testing.Benchmarks.batch.throughput --out F``.

One worker, two workers and a Dask LocalCluster of two do the same pairs, in this order, each in a
folder of its own. Overhead: time from the first result to the last, less the checks in it, as a
share of these; a check reads its files and writes its report, as ``regqc check`` does, and the
thumbnail. Memory: of the largest worker when a pair ends, the least of ten pairs in turn, as the
next pair has begun by then; the slope is a line through all but the first 60 pairs: OpenVINO keeps
its preparations for 16 sizes of images, and takes a while to have met so many.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from RegQCLib.batch import run
from Testing.Benchmarks.batch.phantom_pairs import write_pairs
from Testing.Benchmarks.results_file import write_results

KIB = 1024
WARM_PAIRS = 60
IN_TURN = 10


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--size", type=int, default=64, help="voxels along each side")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--modes", default="one,two,dask")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        manifest = write_pairs(Path(folder) / "images", options.pairs, options.size)
        measured = {
            mode: MODES[mode](manifest, Path(folder) / mode) for mode in options.modes.split(",")
        }
    result: dict[str, Any] = {"pairs": options.pairs, "size": options.size, **measured}
    if {"one", "two"} <= set(measured):
        rates = [measured[mode]["pairs_per_minute"] for mode in ("one", "two")]
        result["speed_up_of_two"] = rates[1] / rates[0]
    write_results(options.out, result)
    print(result)


def local(manifest: Path, out: Path, workers: int) -> dict[str, Any]:
    """Measure a run in processes of this machine."""
    return _measured(run(manifest, out, workers=workers), workers)


def dask(manifest: Path, out: Path) -> dict[str, Any]:
    """Measure a run on a LocalCluster of two."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        return _measured(run(manifest, out, scheduler=cluster.scheduler_address), workers=2)


MODES = {
    "one": lambda manifest, out: local(manifest, out, 1),
    "two": lambda manifest, out: local(manifest, out, 2),
    "dask": dask,
}


def _measured(rows: Iterator[dict[str, Any]], workers: int) -> dict[str, Any]:
    started = time.perf_counter()
    ends: list[float] = []
    checks: list[float] = []
    memory: list[dict[int, int]] = []
    failed = 0
    children: list[psutil.Process] = []
    for number, row in enumerate(rows):
        ends.append(time.perf_counter())
        checks.append(row["seconds_check"] or 0.0)
        failed += row["status"] != "done"
        if number % IN_TURN == 0:  # to look for them takes time of its own
            children = psutil.Process().children(recursive=True)
        memory.append(_sizes(children))
    total = time.perf_counter() - started
    between, work = ends[-1] - ends[0], sum(checks[1:]) / workers
    found = {
        "seconds": total,
        "seconds_to_first_result": ends[0] - started,
        "seconds_for_tables": started + total - ends[-1],
        "pairs_per_minute": 60 * (len(ends) - 1) / between,
        "mean_seconds_check": float(np.mean(checks[1:])),
        "overhead": (between - work) / work,
        "failed": failed,
    }
    least = [
        _least_of_largest(memory[n : n + IN_TURN])
        for n in range(WARM_PAIRS, len(memory) - IN_TURN + 1, IN_TURN)
    ]
    if len(least) > 2:
        slope = np.polyfit(IN_TURN * np.arange(len(least)), least, 1)[0] / KIB
        found |= {
            "memory_mib_when_warm": least[0] / KIB**2,
            "memory_mib": least[-1] / KIB**2,
            "memory_slope_kib_per_pair": float(slope),
        }
    return found


def _sizes(processes: list[psutil.Process]) -> dict[int, int]:
    """Memory of these processes in bytes, by their numbers."""
    sizes = {}
    for one in processes:
        with suppress(psutil.NoSuchProcess):
            sizes[one.pid] = one.memory_info().rss
    return sizes


def _least_of_largest(samples: list[dict[int, int]]) -> int:
    """What the largest process holds between pairs: the least of it, as others are amid a pair."""
    least = [min(sample.get(pid, 0) for sample in samples) for pid in samples[-1]]
    return max(least, default=0)


if __name__ == "__main__":
    main()
