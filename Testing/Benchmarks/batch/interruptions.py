"""Whether anything is lost: ``python -m Testing.Benchmarks.batch.interruptions --out F``.

One batch runs undisturbed. Another is killed (SIGKILL, the whole process) at random moments and
started again each time, until it ends. A third runs on a Dask LocalCluster of four workers, two of
which are killed midway. All three tables must be the same, but for the columns of times. A result
that was complete before a kill must never be made again.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from RegQCLib.batch import run
from RegQCLib.batch.table import CSV_FILE, TIME_COLUMNS
from Testing.Benchmarks.batch.phantom_pairs import write_pairs
from Testing.Benchmarks.results_file import write_results


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--size", type=int, default=64, help="voxels along each side")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        manifest = write_pairs(base / "images", options.pairs, options.size)
        started = time.perf_counter()
        _run_to_the_end(manifest, base / "calm")
        seconds = time.perf_counter() - started
        truth = _table(base / "calm")
        killed = _killed_at_random(
            manifest, base / "killed", seconds, options.kills, random.Random(options.seed)
        )
        killed["same_table"] = _table(base / "killed") == truth
        dask = _two_of_four_workers_killed(manifest, base / "dask", options.pairs)
        dask["same_table"] = _table(base / "dask") == truth
    result = {"pairs": options.pairs, "size": options.size, "seconds_undisturbed": seconds}
    result |= {"killed": killed, "dask": dask}
    write_results(options.out, result)
    print(result)


def _killed_at_random(
    manifest: Path, out: Path, seconds: float, kills: int, rng: random.Random
) -> dict[str, Any]:
    """Kill a run after random times, together some longer than an undisturbed one."""
    done: dict[str, int] = {}
    counts, redone, landed = [], 0, 0
    for _kill in range(kills):
        with subprocess.Popen(_command(manifest, out), stdout=subprocess.DEVNULL) as process:
            try:
                process.wait(rng.uniform(0.2, 1.8) * seconds / kills + rng.uniform(0, 5))
            except subprocess.TimeoutExpired:
                landed += 1
            process.kill()
        now = _complete(out)
        redone += sum(done[name] != date for name, date in now.items() if name in done)
        redone += len(set(done) - set(now))
        done = now
        counts.append(len(done))
    _run_to_the_end(manifest, out)
    now = _complete(out)
    redone += sum(now.get(name) != date for name, date in done.items())
    litter = [path.name for path in out.iterdir() if path.name.startswith(".")]
    return {
        "kills": kills,
        "kills_before_the_end": landed,
        "complete_after_each": counts,
        "redone": redone,
        "litter": litter,
    }


def _two_of_four_workers_killed(manifest: Path, out: Path, pairs: int) -> dict[str, Any]:
    from distributed import LocalCluster

    killed, statuses = 0, []
    with LocalCluster(n_workers=4, threads_per_worker=1, dashboard_address=None) as cluster:
        victims = [worker.pid for worker in cluster.workers.values()][:2]
        for row in run(manifest, out, scheduler=cluster.scheduler_address):
            statuses.append(row["status"])
            if len(statuses) >= pairs * (killed + 1) // 3 and killed < len(victims):
                os.kill(victims[killed], signal.SIGKILL)
                killed += 1
    return {"workers_killed": killed, "done": statuses.count("done")}


def _command(manifest: Path, out: Path) -> list[str]:
    arguments = ["batch", str(manifest), "--out", str(out), "--workers", "2", "--quiet"]
    return [sys.executable, "-m", "RegQCLib", *arguments]


def _run_to_the_end(manifest: Path, out: Path) -> None:
    subprocess.run(_command(manifest, out), check=True, stdout=subprocess.DEVNULL)


def _complete(out: Path) -> dict[str, int]:
    """When each complete result was written, by id."""
    files = (out / "cases").glob("*/result.json")
    return {file.parent.name: file.stat().st_mtime_ns for file in files}


def _table(out: Path) -> list[dict[str, str]]:
    with (out / CSV_FILE).open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [{k: v for k, v in row.items() if k not in TIME_COLUMNS} for row in rows]


if __name__ == "__main__":
    main()
