"""From trained weights to shipped files: ``python -m RegQCLib.training.export RUN... --out DIR``.

For each run folder of ``regqc train qc`` it writes NAME.npz (8-bit weights, for torch), NAME.xml
and NAME.bin (8-bit weights and activations, for OpenVINO), and NAME.json with the agreement of the
two on synthetic pairs that were not seen in training. Quantization ranges come from synthetic
pairs.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import torch
from torch import Tensor, nn

from RegQCLib.compression.static_int8 import (
    convert_openvino,
    quantize_openvino,
    save_openvino,
)
from RegQCLib.synthesis.label_maps import load_or_make_bank
from RegQCLib.synthesis.slice_pairs import slice_pairs
from RegQCLib.training.config import TrainingConfig
from RegQCLib.training.label_bank import BANK_SEED
from RegQCLib.training.train_qc import build_network
from RegQCLib.weights_io import load_weights, save_weights

CALIBRATION_BATCHES = 24
TEST_BATCHES = 6
BATCH = 8
# matching compares features by dot products whose differences are small: those and
# the moments of the softmax stay in float
FLOAT_OPERATIONS = ("MatMul", "Multiply", "ReduceSum", "ReduceMean", "Subtract", "Softmax", "Exp")
CALIBRATION_SEED, TEST_SEED = 900_000_001, 900_001_001


def export(run: Path, out: Path) -> dict[str, Any]:
    """Write the shipped files of one training run; returns the agreement figures."""
    stored = torch.load(run / "weights.pt", weights_only=True, map_location="cpu")
    config = TrainingConfig(**stored["config"])
    model, _ = build_network(config)
    arrays = {name: value.numpy() for name, value in stored["model"].items()}
    save_weights(out / f"{config.name}.npz", arrays, config.network)
    rounded, _ = load_weights(out / f"{config.name}.npz")
    model.load_state_dict({name: torch.as_tensor(array) for name, array in rounded.items()})
    model.eval()
    images = _images(config, run)
    quantized = _quantize(model, config, images[:CALIBRATION_BATCHES])
    save_openvino(quantized, out / f"{config.name}.xml")
    figures = _agreement(model, quantized, images[CALIBRATION_BATCHES:])
    (out / f"{config.name}.json").write_text(json.dumps(figures, indent=2) + "\n")
    return figures


def _images(config: TrainingConfig, run: Path) -> list[Tensor]:
    folder = Path(os.environ.get("REGQC_CACHE", run))
    bank = load_or_make_bank(
        folder / f"label_maps_{config.bank_maps}x{config.bank_size}.npy",
        count=config.bank_maps,
        size=config.bank_size,
        seed=BANK_SEED,
    )
    seeds = [CALIBRATION_SEED + n for n in range(CALIBRATION_BATCHES)]
    seeds += [TEST_SEED + n for n in range(TEST_BATCHES)]
    return [
        slice_pairs(bank, BATCH, 128, torch.Generator().manual_seed(seed)).images for seed in seeds
    ]


def _quantize(model: nn.Module, config: TrainingConfig, images: list[Tensor]) -> openvino.Model:
    matcher = config.model == "matcher"
    converted = convert_openvino(model, (images[0],), dynamic=(2, 3) if matcher else ())
    return quantize_openvino(
        converted,
        [(batch,) for batch in images],
        float_operations=FLOAT_OPERATIONS if matcher else (),
    )


def _agreement(model: nn.Module, quantized: openvino.Model, images: list[Tensor]) -> dict[str, Any]:
    compiled = openvino.Core().compile_model(quantized, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    with torch.inference_mode():
        reference = np.concatenate([model(batch).numpy() for batch in images])
    answers = np.concatenate([compiled(batch.numpy())[0] for batch in images])
    gap = np.abs(answers[:, :2] - reference[:, :2])
    return {
        "pairs": len(images) * BATCH,
        "median_difference": float(np.median(gap)),
        "p95_difference": float(np.percentile(gap, 95)),
        "correlation": float(np.corrcoef(answers[:, 0].ravel(), reference[:, 0].ravel())[0, 1]),
    }


def main() -> None:
    """Export the runs named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, nargs="+", help="folder of a finished training run")
    parser.add_argument("--out", type=Path, required=True, help="folder for the shipped files")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for run in arguments.run:
        print(run, export(run, arguments.out))  # noqa: T201


if __name__ == "__main__":
    main()
