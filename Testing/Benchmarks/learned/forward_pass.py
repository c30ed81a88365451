"""Seconds of one prediction at 160 x 192 x 160: the shipped network beside VoxelMorph.

``python -m Testing.Benchmarks.learned.forward_pass --out FILE`` lets the networks take turns on two
threads: VoxelMorph-1 and -2 as published (float32, whose weights do not change the time), and the
shipped contrast-agnostic network from its 8-bit file, in float32 and in 16 bits. With
``--voxelmorph FILE`` a trained model is held against it: the Dice of both alone, without
refinement, on the two brains that the registration benchmark has.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from RegQCLib.registration.iterative.learned_start import MODEL
from RegQCLib.registration.learned import register_learned
from RegQCLib.registration.networks.model_file import load_model
from RegQCLib.registration.networks.registry import build_network
from Testing.Benchmarks.registration.measures import mean_dice, start
from Testing.Benchmarks.registration.real_cases import inter_cases
from Testing.Benchmarks.results_file import write_results

SHAPE = (160, 192, 160)
THREADS = 2


def runners() -> dict[str, Callable[[], object]]:
    """What takes turns, by name."""
    images = torch.rand(2, 1, 1, *SHAPE, generator=torch.Generator().manual_seed(0))
    shipped = load_model(MODEL).network.eval()
    networks = {name: build_network(name, {}).eval() for name in ("voxelmorph-1", "voxelmorph-2")}

    def half() -> object:
        with torch.autocast("cpu", torch.bfloat16):
            return shipped(*images)

    plain = {name: lambda network=network: network(*images) for name, network in networks.items()}
    return {**plain, "shipped": lambda: shipped(*images), "shipped-bf16": half}


@torch.inference_mode()
def seconds(turns: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, dict[str, float]]:
    """Median and quartiles; the first turn of each is not counted."""
    torch.set_num_threads(THREADS)
    taken: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(repeats + 1):
        for name, run in turns.items():
            before = perf_counter()
            run()
            taken[name].append(perf_counter() - before)
    return {name: _spread(values[1:]) for name, values in taken.items()}


def _spread(values: list[float]) -> dict[str, float]:
    low, middle, high = (float(np.percentile(values, share)) for share in (25, 50, 75))
    return {"median": middle, "q1": low, "q3": high}


def overlaps(models: dict[str, Path]) -> list[dict[str, Any]]:
    """Dice of each model alone on two people's brains, both ways round."""
    rows = []
    for name, make in inter_cases().items():
        case = make()
        row: dict[str, Any] = {"case": name, "start": start(case)["dice"]}
        for model, file in models.items():
            found = register_learned(case.fixed, case.moving, load_model(file))
            row[model] = mean_dice(case, found.transform)
            row[f"{model}_folded"] = found.folded_fraction
        rows.append(row)
    return rows


def main() -> None:
    """Measure and write, or print, the results."""
    parser = argparse.ArgumentParser(prog="learned.forward_pass", description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--voxelmorph", type=Path, help="a trained VoxelMorph, for its Dice")
    args = parser.parse_args()
    times = seconds(runners(), args.repeats)
    models = {"shipped": MODEL} | ({"voxelmorph": args.voxelmorph} if args.voxelmorph else {})
    rows = overlaps(models)
    for name, spread in times.items():
        ratio = times["voxelmorph-2"]["median"] / spread["median"]
        print(f"{name:14s} {spread['median']:.2f} s, {ratio:.2f} times as fast as voxelmorph-2")
    for row in rows:
        print(", ".join(f"{k} {v:.4f}" if isinstance(v, float) else str(v) for k, v in row.items()))
    if args.out:
        result = {"shape": SHAPE, "threads": THREADS, "seconds": times, "overlaps": rows}
        write_results(args.out, result)


if __name__ == "__main__":
    main()
