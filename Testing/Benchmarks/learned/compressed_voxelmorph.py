"""A VoxelMorph made small and fast, beside the network as published: Dice and seconds.

``python -m Testing.Benchmarks.learned.compressed_voxelmorph --out FILE --work DIR`` takes the
VoxelMorph-2 networks that ``learned.unsupervised_brains`` trained in DIR (or trains them), and
``regqc compress`` brings them into the forms that a CPU runs fast, in 16 and in 8 bits. Dice on
subjects that neither training nor the choice of the model saw, by ``regqc evaluate`` with the very
files; seconds of a prediction at 160 x 192 x 160 on two threads, all forms in turns. The networks
learn from few brains on voxels of 3 mm: what is compared is what compression changes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from RegQCLib.batch.pairs import read_pairs
from RegQCLib.compression.compress import compress
from RegQCLib.errors import InputError
from RegQCLib.evaluation.comparison import compare
from RegQCLib.evaluation.methods import read_methods
from RegQCLib.evaluation.pair_set import run_set
from RegQCLib.registration.networks.model_file import load_model
from Testing.Benchmarks.learned.forward_pass import SHAPE, THREADS, seconds
from Testing.Benchmarks.learned.intervals import summary
from Testing.Benchmarks.learned.training import kept, show, toml, trained
from Testing.Benchmarks.learned.unsupervised_brains import configuration, manifest, prepare
from Testing.Benchmarks.results_file import write_results

NETWORK = "voxelmorph-2"
ROWS = {
    "original": "as published, float32",
    "weights-8": "weights stored in 8 bits",
    "openvino": "OpenVINO, float32",
    "openvino-bf16": "OpenVINO, bfloat16",
    "openvino-int8": "OpenVINO, 8 bits",
}


def plan(config: Path) -> dict[str, Any]:
    """As of ``regqc compress``."""
    forms = [name for name in ROWS if name.startswith("openvino")]
    return {
        "measure": {"threads": THREADS, "batch": 1, "repeats": 5},
        "choose": {"loss": 0.005, "bytes_share": 0.3},
        "training": {"config": str(config)},
        "step": [
            {"name": "weights-8", "do": "quantize-weights", "from": "original", "bits": 8},
            *({"name": f, "do": "export", "from": "original", "form": f} for f in forms),
        ],
    }


def run_seed(work: Path, seed: int, steps: int) -> dict[str, Any]:
    """Mean Dice, share of folds and bytes of every row on the subjects kept for the figures."""
    data = prepare(work, thinned=False)
    folder = work / f"{data.name}_seed{seed}" / NETWORK
    model = trained(configuration(data, seed, NETWORK, steps, thinned=False), folder)
    file = folder / "plan.toml"
    file.write_text(toml(plan(folder / "config.toml")))
    compress(model, file, folder / "compressed", progress=show)
    models = {name: point(folder, name) for name in ROWS}
    pairs = read_pairs(manifest(data, seed)).pairs
    methods = read_methods([f"{name}={file}" for name, file in models.items()], "auto")
    found = compare(run_set(pairs, methods, start="affine", progress=show), {})
    rows = {}
    for one in found.standings:
        rows[one.name] = {key: one.mean[key] for key in ("dice", "folded_percent")}
        if one.name in models:
            files = models[one.name].parent.glob("model.*")
            rows[one.name]["bytes"] = sum(file.stat().st_size for file in files)
    return rows


def point(folder: Path, name: str) -> Path:
    """The model file of a point that ``regqc compress`` made."""
    suffix = "xml" if name.startswith("openvino") else "npz"
    return folder / "compressed" / "points" / name / f"model.{suffix}"


def turns(folder: Path) -> dict[str, Callable[[], object]]:
    """What is timed: the network in torch, in both precisions, and its exported forms."""
    images = torch.rand(2, 1, 1, *SHAPE, generator=torch.Generator().manual_seed(0))
    networks = {
        name: load_model(point(folder, name)).network for name in ROWS if name != "weights-8"
    }

    def half() -> object:
        with torch.autocast("cpu", torch.bfloat16):
            return networks["original"](*images)

    plain = {name: lambda network=network: network(*images) for name, network in networks.items()}
    return {**plain, "torch-bf16": half}


def summarized(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Mean and interval over the seeds, and of what is lost to the network as published."""
    table: dict[str, Any] = {}
    for name, first in runs[0].items():
        table[name] = {key: summary([run[name][key] for run in runs]) for key in first}
        if name not in {"original", "start"}:
            lost = [run["original"]["dice"] - run[name]["dice"] for run in runs]
            table[name]["dice_lost"] = summary(lost)
    return table


def main() -> None:
    """Run all seeds and write, or print, the table."""
    parser = argparse.ArgumentParser(prog="learned.compressed_voxelmorph", description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=600, help="of training")
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    runs = [
        kept(
            args.work / f"full_seed{seed}" / "compressed.json",
            partial(run_seed, args.work, seed, args.steps),
        )
        for seed in range(args.seeds)
    ]
    table = summarized(runs)
    times = seconds(turns(args.work / "full_seed0" / NETWORK), args.repeats)
    print()
    for name, values in table.items():
        shown = ", ".join(f"{key} {value['mean']:.4g}" for key, value in values.items())
        print(f"{ROWS.get(name, name):26s} {shown}")
    for name, spread in times.items():
        ratio = times["original"]["median"] / spread["median"]
        print(f"{name:26s} {spread['median']:.2f} s, {ratio:.2f} times as fast as torch in float32")
    if args.out:
        sizes = {"steps": args.steps, "seeds": args.seeds}
        timed = {"shape": SHAPE, "threads": THREADS, "seconds": times}
        write_results(args.out, {**sizes, **timed, "runs": runs, "summary": table})


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
