"""Seed 001: a weakly supervised network, pruned, trained again, and quantized.

``python -m Testing.Benchmarks.learned.weakly_supervised --out FILE --work DIR`` trains LocalNet on
labels alone (hippocampi with 2 labels, brains with 5), prunes a quarter of its weights and biases
at once, fine-tunes under the mask, and stores it in 8 and 4 bits (the seed says both), as
``regqc compress`` does it. Beside the seed's table: the same fine-tuning without pruning, both
roundings of the network as trained, and an 8-bit form for ONNX Runtime with its time. Measured on
subjects that neither trained nor chose the model: Dice, and the seed's TRE, the root mean square
distance of the labels' centroids, here in mm. Several seeds, each with a split of its own. DIR
keeps what is done.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from RegQCLib.compression.compress import compress
from RegQCLib.errors import InputError
from RegQCLib.geometry.warp_torch import identity
from RegQCLib.registration.networks.model_file import LoadedModel, load_model
from RegQCLib.training.registration.config import load_config
from RegQCLib.training.registration.image_pairs import ImagePairs
from RegQCLib.training.registration.pairs import TrainingPairs
from RegQCLib.training.registration.validation import warped_labels
from Testing.Benchmarks.learned.data import LabeledSet, brains_of_five, hippocampi
from Testing.Benchmarks.learned.figure import save_figure
from Testing.Benchmarks.learned.intervals import summary
from Testing.Benchmarks.learned.training import kept, show, toml, trained
from Testing.Benchmarks.results_file import write_results

BRAIN_MM = 2.0
TABLE = {
    "original": "trained",
    "pruned": "pruned 25 %",
    "tuned": "pruned, re-trained",
    "tuned-8": "pruned, re-trained, 8 bits",
    "tuned-4": "pruned, re-trained, 4 bits",
    "longer": "trained longer, not pruned",
    "weights-8": "trained, 8 bits",
    "weights-4": "trained, 4 bits",
    "aware-4": "trained, 4 bits, rounding in training",
    "onnx-int8": "pruned, re-trained, 8 bits in ONNX Runtime",
    "openvino-int8": "pruned, re-trained, 8 bits in OpenVINO",
}


@dataclass(frozen=True)
class Learning:
    """How a set is learned. rate: at its peak. affine: see `AugmentationSettings`. labels: a step.

    tuning: steps of every training that compression does.
    """

    steps: int
    tuning: int
    batch: int
    rate: float
    affine: float
    labels: int


LEARNING = {
    "hippocampi": Learning(500, 150, batch=2, rate=1e-3, affine=0.1, labels=1),
    "brains": Learning(800, 100, batch=1, rate=3e-4, affine=0.03, labels=0),
}
"""Brains start aligned: higher rates throw them apart. labels: 0 means all."""

FIGURE = {"dice": "Dice", "tre_mm": "TRE, mm", "bytes": "size, MB", "latency_ms": "latency, ms"}


def configuration(
    data: LabeledSet, seed: int, steps: int = 0, *, test: bool = False
) -> dict[str, Any]:
    """Label-reg's losses on a LocalNet of an eighth of the width.

    steps: 0 means those of `LEARNING`. test: the subjects for the figures in the place of those
    that validate.
    """
    learning = LEARNING[data.name]
    steps = steps or learning.steps
    validation, held_out = data.split(seed)
    judged, unseen = (held_out, validation) if test else (validation, held_out)
    return {
        "name": f"weakly_supervised_{data.name}_{seed}",
        "network": {"name": "localnet", "channels": 8},
        "data": {
            "source": "folder",
            "path": str(data.folder),
            "images": data.images,
            "labels": data.labels,
            "validation_subjects": judged,
            "test_subjects": unseen,
            "validation_pairs": 1000 if test else 12,
            "align": "center" if data.name == "hippocampi" else "header",
        },
        "preprocessing": {
            "spacing_mm": data.spacing_mm,
            "normalization": "zscore",
            "crop": False,
        },
        "augmentation": {"affine": learning.affine},
        "loss": {
            "similarity": "none",
            "dice": 1.0,
            "dice_kind": "multiscale",
            "scales": [0, 1, 2, 4, 8],
            "labels_per_step": learning.labels,
            "regularization": "bending",
            "weight": 0.5,
        },
        "training": {
            "steps": steps,
            "batch": learning.batch,
            "learning_rate": learning.rate,
            "schedule": "one_cycle",
            "precision": "bf16",
            "clip_norm": 1.0,
            "validate_every": max(1, steps // 8),
            "checkpoint_every": max(1, steps // 16),
            "seed": seed,
        },
    }


def plan(config: Path, name: str, tuning: int, repeats: int) -> dict[str, Any]:
    """As of ``regqc compress``; the rate of fine-tuning is a third of that of training.

    tuning: 0 means the steps of `LEARNING`.
    """
    how = LEARNING[name]
    learning = {"steps": tuning or how.tuning, "learning_rate": 0.3 * how.rate}
    rows: list[dict[str, Any]] = [
        {"name": "pruned", "do": "prune", "from": "original", "share": 0.25},
        {"name": "tuned", "do": "fine-tune", "from": "pruned", **learning},
        {"name": "tuned-8", "do": "quantize-weights", "from": "tuned", "bits": 8},
        {"name": "tuned-4", "do": "quantize-weights", "from": "tuned", "bits": 4},
        {"name": "longer", "do": "fine-tune", "from": "original", **learning},
        {"name": "weights-8", "do": "quantize-weights", "from": "original", "bits": 8},
        {"name": "weights-4", "do": "quantize-weights", "from": "original", "bits": 4},
        {"name": "aware-4", "do": "quantize-aware", "from": "original", "bits": 4}
        | {"activation_bits": 0, **learning},
        {"name": "onnx-int8", "do": "export", "from": "tuned", "form": "onnx-int8"},
        {"name": "openvino-int8", "do": "export", "from": "tuned", "form": "openvino-int8"},
    ]
    return {
        "measure": {"threads": 2, "batch": 1, "repeats": repeats},
        "choose": {"loss": 1.0},
        "training": {"config": str(config)},
        "step": rows,
    }


def run_one(data: LabeledSet, seed: int, work: Path, sizes: dict[str, int]) -> dict[str, Any]:
    """Figures of every row of the table, on the subjects held out by ``seed``."""
    folder = work / data.name / f"seed{seed}"
    model = trained(configuration(data, seed, sizes["steps"]), folder)
    (folder / "plan.toml").write_text(
        toml(plan(folder / "config.toml", data.name, sizes["tuning"], sizes["repeats"]))
    )
    compress(model, folder / "plan.toml", folder / "compressed", progress=show)
    points = {p["name"]: p for p in _points(folder)}
    pairs = held_out(data, seed, sizes["steps"], folder, load_model(model))
    rows = {"before": accuracy(None, pairs, data.spacing_mm)}
    for name in TABLE:
        point = points[name]
        file = folder / "compressed" / "points" / name / "model.npz"
        rows[name] = {
            **(accuracy(load_model(file), pairs, data.spacing_mm) if file.exists() else {}),
            "validation_dice": point["metric"],
            "bytes": point["bytes"],
            "latency_ms": point["latency_ms"],
            "zeros": point["zeros"],
        }
    return rows


def _points(folder: Path) -> list[dict[str, Any]]:
    table: list[dict[str, Any]] = json.loads((folder / "compressed" / "points.json").read_text())[
        "points"
    ]
    return table


def held_out(
    data: LabeledSet, seed: int, steps: int, folder: Path, model: LoadedModel
) -> list[TrainingPairs]:
    """All ordered pairs of the subjects kept for the figures."""
    file = folder / "held_out.toml"
    file.write_text(toml(configuration(data, seed, steps, test=True)))
    axes, divisor = int(model.network.axes), int(model.network.divisor)  # type: ignore[arg-type]
    config = load_config(file)
    source = ImagePairs(config, axes=axes, divisor=divisor, cache=folder, progress=show)
    return [source.validation_pair(n) for n in range(source.validation_count())]


@torch.inference_mode()
def accuracy(
    model: LoadedModel | None, pairs: Sequence[TrainingPairs], spacing_mm: float
) -> dict[str, float]:
    """Mean Dice over pairs and labels, and the root mean square of centroid distances in mm.

    model: None leaves the moving image where it is.
    """
    overlaps, distances = [], []
    for pair in pairs:
        assert pair.fixed_labels is not None
        assert pair.moving_labels is not None
        assert pair.label_values is not None
        moved = pair.moving_labels
        if model is not None:
            field = model.network.eval()(pair.fixed, pair.moving).displacement
            moved = warped_labels(moved, field)
        for number in pair.label_values[0].tolist():
            a, b = pair.fixed_labels[0] == number, moved[0] == number
            overlaps.append(2 * int((a & b).sum()) / max(1, int(a.sum() + b.sum())))
            if bool(b.any()):
                distances.append(float((_centroid(a) - _centroid(b)).norm()) * spacing_mm)
    return {
        "dice": float(np.mean(overlaps)),
        "tre_mm": float(np.sqrt(np.mean(np.square(distances)))),
    }


def _centroid(mask: Tensor) -> Tensor:
    points = identity(mask.shape, torch.zeros(()))[0].movedim(0, -1)
    return points[mask].mean(0)


def main() -> None:
    """Run all seeds of both sets and write, or print, the table."""
    parser = argparse.ArgumentParser(prog="learned.weakly_supervised", description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=0, help="0: as of each set")
    parser.add_argument("--tuning", type=int, default=0, help="0: as of each set")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--sets", nargs="+", default=["hippocampi", "brains"])
    args = parser.parse_args()
    sizes = {"steps": args.steps, "tuning": args.tuning, "repeats": args.repeats}
    makers = {
        "hippocampi": hippocampi,
        "brains": lambda: brains_of_five(args.work, BRAIN_MM),
    }
    result: dict[str, Any] = {**sizes, "seeds": args.seeds}
    for name in args.sets:
        data = makers[name]()
        runs = [
            kept(
                args.work / name / f"seed{seed}" / "figures.json",
                partial(run_one, data, seed, args.work, sizes),
            )
            for seed in range(args.seeds)
        ]
        result[name] = {"runs": runs, "summary": summarized(runs)}
        print(f"\n{name}")
        for row, values in result[name]["summary"].items():
            shown = ", ".join(f"{key} {value['mean']:.4g}" for key, value in values.items())
            print(f"  {TABLE.get(row, row):45s} {shown}")
    if args.out:
        write_results(args.out, result)
        tables = {name: result[name]["summary"] for name in args.sets}
        save_figure(args.out.with_suffix(".png"), labeled(tables), FIGURE)


def labeled(tables: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The same tables with words in place of the names of rows."""
    return {
        name: {{"before": "not registered", **TABLE}[row]: values for row, values in table.items()}
        for name, table in tables.items()
    }


def summarized(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean and interval over the seeds of every figure, and of what each row gains on "trained"."""
    rows: dict[str, Any] = {}
    for name, first in runs[0].items():
        rows[name] = {key: summary([run[name][key] for run in runs]) for key in first}
        if "dice" in first and name not in {"original", "before"}:
            gains = [run[name]["dice"] - run["original"]["dice"] for run in runs]
            rows[name]["dice_gain"] = summary(gains)
    return rows


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
