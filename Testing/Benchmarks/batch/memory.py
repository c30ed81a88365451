"""How much memory a pair takes: ``python -m Testing.Benchmarks.batch.memory --out F``.

Pairs of phantoms of several sizes, each done in a process of its own; its peak stands beside what
`RegQCLib.batch.sizing` sets aside for a worker. A worker that has seen images of many sizes has
more: OpenVINO keeps its preparations (see throughput).
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from RegQCLib.batch.options import Options
from RegQCLib.batch.pairs import read_pairs
from RegQCLib.batch.sizing import bytes_of_worker
from RegQCLib.batch.task import Task, run_pair
from Testing.Benchmarks.batch.phantom_pairs import write_pairs
from Testing.Benchmarks.results_file import write_results

MIB = 2**20
STEPS = {
    "check": Options(),
    "rigid": Options(register="rigid"),
    "deformable": Options(register="deformable"),
}


def main() -> int:
    """Run it; returns 1 where an estimate was too low."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="64,128,192", help="voxels along each side")
    parser.add_argument("--steps", default=",".join(STEPS))
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for size in map(int, options.sizes.split(",")):
            manifest = write_pairs(Path(folder) / str(size), 1, size)
            for name in options.steps.split(","):
                found.append(_measured(manifest, size, name))
                print(found[-1], flush=True)
    write_results(options.out, {"pairs": found})
    return 0 if all(one["peak_mib"] <= one["estimate_mib"] for one in found) else 1


def _measured(manifest: Path, size: int, name: str) -> dict[str, Any]:
    (pair,) = read_pairs(manifest).pairs
    inputs = {role: str(path) for role, path in pair.inputs.items()}
    task = Task(name, inputs, STEPS[name].to_dict(), str(manifest.parent))
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as process:
        status, peak = process.submit(_peak_bytes, task).result()
    images = [tuple(pair.inputs.values())]
    estimate = bytes_of_worker(images, checks_alone=name == "check")
    return {
        "size": size,
        "steps": name,
        "status": status,
        "peak_mib": peak / MIB,
        "estimate_mib": estimate / MIB,
    }


def _peak_bytes(task: Task) -> tuple[str, int]:
    status = run_pair(task).status
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return status, peak * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    raise SystemExit(main())
