"""Memory that predictions take, beside what is set aside for them.

``python -m Testing.Benchmarks.learned.prediction_memory --out FILE`` lets every registration
network, as published or as it ships, predict at 96 x 128 x 96 in a process of its own, and compares
the growth of its peak with `prediction_bytes`.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import torch

from RegQCLib.registration.learned import prediction_bytes
from RegQCLib.registration.networks.names import NETWORK_NAMES
from RegQCLib.registration.networks.registry import build_network
from Testing.Benchmarks.results_file import write_results

SHAPE = (96, 128, 96)
SMALL = (32, 32, 32)  # predicted first, so that what torch loads once is not counted


def measured(name: str) -> dict[str, float]:
    """Bytes by which this process grows, and what would have been set aside."""
    network = build_network(name, {}).eval()
    small, images = (torch.rand(2, 1, 1, *shape) for shape in (SMALL, SHAPE))
    with torch.inference_mode():
        network(*small)
        before = psutil.Process().memory_info().rss
        network(*images)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"measured": peak - before, "set_aside": prediction_bytes(network, SHAPE)}


def main() -> None:
    """Measure every network and write, or print, the table."""
    parser = argparse.ArgumentParser(prog="learned.prediction_memory", description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--network", choices=NETWORK_NAMES, help="only this one, in this process")
    args = parser.parse_args()
    if args.network:
        print(json.dumps(measured(args.network)))
        return
    table: dict[str, Any] = {}
    for name in NETWORK_NAMES:
        command = [sys.executable, "-m", __spec__.name, "--network", name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        table[name] = json.loads(done.stdout.splitlines()[-1])
        share = table[name]["measured"] / table[name]["set_aside"]
        print(f"{name:20s} {share:.2f} of what is set aside")
    if args.out:
        write_results(args.out, {"shape": SHAPE, "networks": table})


if __name__ == "__main__":
    main()
