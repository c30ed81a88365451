"""The experiment of seed 000: ``python -m Testing.Benchmarks.seed000.run``.

Trains one slice classifier each on synthetic, brain and spine pairs, evaluates every one on all
three, prints a table, and writes a figure like the seed's and every number as JSON. Finished
models and resampled pairs are kept in --cache; a stopped run goes on from there.
"""

from __future__ import annotations

import argparse
import math
import platform
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch

from RegQCLib.errors import InputError, RegQCError
from RegQCLib.synthesis.label_maps import load_or_make_bank
from RegQCLib.training.config import TrainingConfig
from RegQCLib.training.label_bank import BANK_SEED
from Testing.Benchmarks.detection.pairs import data_folder, load_pairs
from Testing.Benchmarks.results_file import write_results
from Testing.Benchmarks.seed000.evaluation import evaluate
from Testing.Benchmarks.seed000.figure import save_figure
from Testing.Benchmarks.seed000.limits import limits
from Testing.Benchmarks.seed000.slices import TestImage, real_images, synthetic_images
from Testing.Benchmarks.seed000.stacks import Stack, load_stack
from Testing.Benchmarks.seed000.subjects import ORGANS, Split, split
from Testing.Benchmarks.seed000.training import (
    Draw,
    real_source,
    shipped_classifier,
    synthetic_source,
    train_or_load,
)

SYNTHETIC = "synthmed"
SETS = (SYNTHETIC, *ORGANS)
SHIPPED = "synthmed (shipped)"
SEED_PAIRS = 6000  # what the seed trained on
TEST_MAPS = 8
TEST_BANK_SEED = 5000  # label maps that neither these models nor the shipped one trained on


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(prog="seed000.run", description=__doc__)
    result.add_argument("--out", type=Path, help="JSON of all figures")
    result.add_argument("--figure", type=Path, help="PNG like the seed's figures")
    result.add_argument(
        "--pairs-seen",
        type=_positive,
        default=5 * SEED_PAIRS,
        metavar="N",
        help=f"slice pairs seen in training (default %(default)s; the seed: {SEED_PAIRS})",
    )
    result.add_argument("--batch", type=_positive, default=32, metavar="N")
    result.add_argument("--width", type=_positive, default=24, metavar="N", help="64 is ResNet34")
    result.add_argument("--size", type=_positive, default=128, metavar="PIXELS")
    result.add_argument("--learning-rate", type=float, default=1e-3, metavar="X", help="the first")
    result.add_argument("--models", type=_models, default=SETS, metavar="A,B")
    result.add_argument("--test-images", type=_positive, default=60, metavar="N", help="per set")
    result.add_argument(
        "--bank-maps",
        type=_positive,
        default=32,
        metavar="N",
        help="label maps that synthmed is drawn from",
    )
    result.add_argument("--bank-size", type=_positive, default=128, metavar="VOXELS")
    result.add_argument("--seed", type=int, default=0)
    result.add_argument(
        "--cache",
        type=Path,
        default=Path(tempfile.gettempdir()) / "regqc-seed000",
        help="folder of finished models and resampled pairs",
    )
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and report; exit code 0, or 2 with one line where an input is wrong."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    args = parser().parse_args(given)
    try:
        result = run(args)
    except RegQCError as error:
        print(error, file=sys.stderr)
        return 2
    result["command"] = shlex.join(["python", "-m", "Testing.Benchmarks.seed000.run", *given])
    print(table(result["results"]))
    if args.out:
        write_results(args.out, result)
    if args.figure:
        save_figure(result["results"], args.figure)
    return 0


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Train or load every model, evaluate all of them, and collect what was done."""
    started, processor = time.perf_counter(), time.process_time()
    data_folder()
    if args.size < 32:
        raise InputError(f"--size {args.size} is too small for ResNet34; use at least 32 pixels")
    pairs = load_pairs()
    splits = {organ: split(pairs, organ) for organ in ORGANS}
    progress = _Printer()

    def bank(maps: int, seed: int) -> torch.Tensor:
        path = args.cache / f"label_maps_{maps}x{args.bank_size}_from_{seed}.npy"
        return load_or_make_bank(
            path, count=maps, size=args.bank_size, seed=seed, progress=progress
        )

    @cache
    def stacks(organ: str, side: str) -> list[Stack]:
        chosen = getattr(splits[organ], side)
        made = []
        for number, pair in enumerate(chosen):
            made.append(load_stack(pair, args.cache))
            progress(f"{side} pairs of the {organ}", (number + 1) / len(chosen))
        return made

    drawn = (args.test_images, args.size)
    tests: dict[str, list[TestImage]] = {
        SYNTHETIC: synthetic_images(bank(TEST_MAPS, TEST_BANK_SEED), *drawn, seed=args.seed)
    }
    for organ in ORGANS:
        tests[organ] = real_images(stacks(organ, "test"), *drawn, seed=args.seed)
    results: dict[str, dict[str, Any]] = {}
    training: dict[str, Any] = {}
    for name in args.models:
        config = _config(args, name)
        model, training[name] = train_or_load(
            config,
            partial(_source, name, config, bank, stacks),
            args.cache / f"model-{name}.pt",
            _about(name, splits, args),
            progress=progress,
        )
        results[name] = {on: evaluate(model, images) for on, images in tests.items()}
    shipped = shipped_classifier()
    if shipped is not None:
        results[SHIPPED] = {on: evaluate(shipped, images) for on, images in tests.items()}
    return {
        "results": results,
        "training": training,
        "shipped_classifier": "evaluated" if shipped is not None else "not installed, left out",
        "split": {organ: splits[organ].to_dict() for organ in ORGANS},
        "limits": limits(splits, args.test_images),
        "seeds": {
            "training": args.seed,
            "test": args.seed,
            "label_maps": BANK_SEED,
            "test_label_maps": TEST_BANK_SEED,
        },
        "epochs_of_the_seed": args.pairs_seen / SEED_PAIRS,
        "seconds": round(time.perf_counter() - started, 1),
        "processor_seconds": round(time.process_time() - processor, 1),
        "threads": torch.get_num_threads(),
        "versions": {"torch": str(torch.__version__), "python": platform.python_version()},
    }


def table(results: dict[str, dict[str, Any]]) -> str:
    """Markdown: one row for every training and validation set."""
    lines = [
        "| trained on | validated on | slice F1 | precision | recall | slice AUROC "
        "| image TP / FP / FN / TN | image F1 | image AUROC |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for model, rows in results.items():
        for on, row in rows.items():
            slices, images = row["slice_wise"], row["image_wise"]
            rates = [slices[key] for key in ("f1", "precision", "recall", "auroc")]
            counts = " / ".join(str(images[key]) for key in ("tp", "fp", "fn", "tn"))
            cells = [model, on, *(f"{rate:.3f}" for rate in rates), counts]
            cells += [f"{images['f1']:.3f}", f"{images['auroc']:.3f}"]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _config(args: argparse.Namespace, name: str) -> TrainingConfig:
    return TrainingConfig(
        model="slice_classifier",
        name=name,
        steps=math.ceil(args.pairs_seen / args.batch),
        batch=args.batch,
        learning_rate=args.learning_rate,
        seed=args.seed,
        size=args.size,
        weight_decay=0.0,
        bank_maps=args.bank_maps,
        bank_size=args.bank_size,
        network={"width": args.width},
    )


def _source(
    name: str,
    config: TrainingConfig,
    bank: Callable[[int, int], torch.Tensor],
    stacks: Callable[[str, str], list[Stack]],
) -> Draw:
    if name == SYNTHETIC:
        return synthetic_source(config, bank(config.bank_maps, BANK_SEED))
    return real_source(config, stacks(name, "train"))


def _about(name: str, splits: dict[str, Split], args: argparse.Namespace) -> dict[str, Any]:
    if name == SYNTHETIC:
        return {"label_maps": args.bank_maps, "label_map_seed": BANK_SEED}
    return {"pairs": [pair.name for pair in splits[name].train]}


class _Printer:
    """Progress on standard error, a line for every tenth of a stage."""

    def __init__(self) -> None:
        self.last: tuple[str, int] | None = None

    def __call__(self, stage: str, fraction: float) -> None:
        now = (stage, int(10 * fraction))
        if now != self.last:
            print(f"{stage}: {10 * now[1]} %", file=sys.stderr, flush=True)
            self.last = now


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _models(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    wrong = [name for name in names if name not in SETS]
    if wrong:
        raise argparse.ArgumentTypeError(f"{wrong[0]!r} is none of {', '.join(SETS)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
