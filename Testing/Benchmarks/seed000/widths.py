"""How narrow may the slice classifier be? ``python -m Testing.Benchmarks.seed000.widths``.

Trains the classifier on the same synthetic pairs at several widths (64 is ResNet34 in full) and
evaluates each on synthetic, brain and spine images, beside its size in 8 bits and its time for a
slice, relative to the narrowest in the same run.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openvino
import torch
from torch import nn

from RegQCLib.errors import RegQCError
from RegQCLib.training.config import TrainingConfig
from RegQCLib.training.train_qc import build_network
from Testing.Benchmarks.results_file import write_results
from Testing.Benchmarks.seed000 import run as experiment

WIDTHS = (12, 24, 32)
PAIRS_SEEN = 64_000
SLICES = 32
ROUNDS = 15


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and report; exit code 0, or 2 with one line where an input is wrong."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="seed000.widths", description=__doc__)
    parser.add_argument("--out", type=Path, help="JSON of all figures")
    parser.add_argument("--widths", default=",".join(map(str, WIDTHS)), metavar="N,N")
    parser.add_argument("--pairs-seen", type=int, default=PAIRS_SEEN, metavar="N")
    parser.add_argument("--cache", type=Path, required=True, help="finished models and pairs")
    args = parser.parse_args(given)
    rows = {}
    try:
        for width in (int(text) for text in args.widths.split(",")):
            rows[width] = _one_width(width, args.pairs_seen, args.cache)
            print(f"width {width}: {rows[width]['auroc']}", file=sys.stderr, flush=True)
    except RegQCError as error:
        print(error, file=sys.stderr)
        return 2
    narrowest = rows[min(rows)]["milliseconds_a_slice"]
    for row in rows.values():
        row["time_ratio"] = row["milliseconds_a_slice"] / narrowest
    command = shlex.join(["python", "-m", "Testing.Benchmarks.seed000.widths", *given])
    result = {"command": command, "pairs_seen": args.pairs_seen, "widths": rows}
    print(table(result["widths"]))
    if args.out:
        write_results(args.out, result)
    return 0


def table(rows: dict[int, dict[str, Any]]) -> str:
    """Markdown: one row a width."""
    sets = list(next(iter(rows.values()))["auroc"])
    lines = [
        "| width | parameters | 8-bit MB | time, ratio | "
        + " | ".join(f"{name}: slice / image AUROC" for name in sets)
        + " |",
        "|" + "---|" * (4 + len(sets)),
    ]
    for width, row in rows.items():
        cells = [str(width), f"{row['parameters']:,}", f"{row['megabytes']:.2f}"]
        cells.append(f"{row['time_ratio']:.2f}")
        cells += [f"{row['auroc'][s]['slice']:.3f} / {row['auroc'][s]['image']:.3f}" for s in sets]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _one_width(width: int, pairs_seen: int, cache: Path) -> dict[str, Any]:
    options = ["--models", experiment.SYNTHETIC, "--width", str(width), "--learning-rate", "5e-4"]
    options += ["--pairs-seen", str(pairs_seen), "--cache", str(cache / f"width{width}")]
    result = experiment.run(experiment.parser().parse_args(options))
    figures = result["results"][experiment.SYNTHETIC]
    stored = torch.load(
        cache / f"width{width}" / f"model-{experiment.SYNTHETIC}.pt", weights_only=True
    )
    parameters = sum(value.numel() for value in stored["model"].values())
    model, _ = build_network(TrainingConfig(**stored["record"]["settings"]))
    model.load_state_dict(stored["model"])
    return {
        "parameters": parameters,
        "megabytes": parameters / 1e6,
        "milliseconds_a_slice": _milliseconds(model.eval()),
        "auroc": {
            name: {
                "slice": rows["slice_wise"]["auroc"],
                "image": rows["image_wise"]["auroc"],
                "slice_f1": rows["slice_wise"]["f1"],
            }
            for name, rows in figures.items()
        },
        "training_seconds": result["training"][experiment.SYNTHETIC]["processor_seconds"],
    }


def _milliseconds(model: nn.Module) -> float:
    """Best time of a slice in OpenVINO, batches of 32."""
    images = torch.rand(SLICES, 2, 128, 128)
    compiled = openvino.Core().compile_model(
        openvino.convert_model(model, example_input=images), "CPU"
    )
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.perf_counter()
        compiled(images.numpy())
        best = min(best, time.perf_counter() - started)
    return 1000 * best / SLICES


if __name__ == "__main__":
    sys.exit(main())
