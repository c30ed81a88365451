"""Calibrate the check on synthetic volumes: ``python -m RegQCLib.training.calibrate --out FILE``.

Draws volume pairs of known displacement, runs the shipped networks over them as the check does, and
fits the error models. Pairs are drawn one by one from seeds, and what was seen is kept beside the
output (``--cache``), so that an interrupted run continues. No real image is involved.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from RegQCLib.errors import InputError
from RegQCLib.geometry.atomic_file import atomic_file
from RegQCLib.qc.calibration import ErrorModel
from RegQCLib.qc.features import ERROR_FEATURES, SLICE_FEATURES, VOLUME_FEATURES
from RegQCLib.qc.inference import WEIGHTS, OpenVINOEngine
from RegQCLib.qc.measure import Engine
from RegQCLib.qc.prepare import prepare_pair
from RegQCLib.qc.scoring import observe
from RegQCLib.synthesis.label_maps import load_or_make_bank
from RegQCLib.synthesis.volume_pairs import VolumePair, VolumeSettings, volume_pair
from RegQCLib.training.fit_calibration import fit_error_model
from RegQCLib.training.label_bank import BANK_SEED

FloatArray = NDArray[np.float64]

SEED = 500_000_000
ALIGNED_SHARE = 0.4
LARGEST_MM = 25.0
SMALLEST_MM = 0.3
FITTED_UP_TO_MM = 15.0  # beyond it errors are recognized, not measured
SLICES_PER_PAIR = 60
TOLERANCE_MM = 1.5
SLICE_FLAG = 0.5
HELD_OUT = 4  # every fourth pair tests what the others fitted


@dataclass(frozen=True)
class Observation:
    """One synthetic pair: features and truth of the volume and of some of its slices."""

    volume: FloatArray
    error_mm: float
    slices: FloatArray
    slice_error_mm: FloatArray

    @property
    def telling(self) -> FloatArray:
        """The features that the volume's error is predicted from."""
        return self.volume[: len(ERROR_FEATURES)]


def observe_pair(bank: Tensor, number: int, engine: Engine) -> Observation | None:
    """Draw pair ``number`` and look at it; None where nothing overlaps."""
    rng = np.random.default_rng([SEED, number])
    moved = rng.random() > ALIGNED_SHARE
    size = float(np.exp(rng.uniform(np.log(SMALLEST_MM), np.log(LARGEST_MM)))) if moved else 0.0
    settings = VolumeSettings(difficulty=float(rng.uniform(0, 1)))
    drawn = volume_pair(bank, size, torch.Generator().manual_seed(SEED + number), settings)
    try:
        pair = prepare_pair(drawn.fixed, drawn.moving)
    except InputError:
        return None
    if pair.obstacle:
        return None
    _, slices, features = observe(pair, engine)
    length = true_length(drawn)
    values, errors = [], []
    for axis, seen in slices.items():
        body = np.moveaxis(pair.body, axis, 0)[seen.indices + pair.frame.start[axis]]
        truth = np.moveaxis(length, axis, 0)[seen.indices + pair.frame.start[axis]]
        count = np.maximum(body.sum(axis=(1, 2)), 1)
        values.append(seen.values)
        errors.append((truth * body).sum(axis=(1, 2)) / count)
    all_values, all_errors = np.concatenate(values), np.concatenate(errors)
    chosen = rng.permutation(len(all_values))[:SLICES_PER_PAIR]
    return Observation(
        features, float(length[pair.body].mean()), all_values[chosen], all_errors[chosen]
    )


def true_length(drawn: VolumePair) -> FloatArray:
    """(D, H, W) mm: true residual displacement, motion of single slices included."""
    return np.asarray(np.sqrt((drawn.truth.array.astype(np.float64) ** 2).sum(axis=0)))


def calibrate(bank: Tensor, engine: Engine, pairs: int, cache: Path) -> dict[str, Any]:
    """Observe ``pairs`` synthetic pairs and fit; returns the content of calibration.json."""
    observations = _observations(bank, engine, pairs, cache)
    test = [o for n, o in enumerate(observations) if n % HELD_OUT == 0]
    fit = [o for n, o in enumerate(observations) if n % HELD_OUT]
    held_out = _report(*_fit(fit), test)
    volume, slices = _fit(observations)
    evidence = [o.volume[VOLUME_FEATURES.index("log_evidence")] for o in observations]
    return {
        "volume": volume.to_dict(),
        "slices": slices.to_dict(),
        "tolerance_mm": TOLERANCE_MM,
        "min_log_evidence": round(float(np.percentile(evidence, 0.5)) - 0.5, 4),
        "slice_flag": SLICE_FLAG,
        "pairs": len(observations),
        "held_out": held_out,
    }


def _fit(observations: list[Observation]) -> tuple[ErrorModel, ErrorModel]:
    errors = np.array([o.error_mm for o in observations])
    slice_errors = np.concatenate([o.slice_error_mm for o in observations])
    near, near_slices = errors <= FITTED_UP_TO_MM, slice_errors <= FITTED_UP_TO_MM
    volume = fit_error_model(
        ERROR_FEATURES, np.stack([o.telling for o in observations])[near], errors[near]
    )
    slices = fit_error_model(
        SLICE_FEATURES,
        np.concatenate([o.slices for o in observations])[near_slices],
        slice_errors[near_slices],
    )
    return volume, slices


def _report(volume: ErrorModel, slices: ErrorModel, test: list[Observation]) -> dict[str, float]:
    """How the models do on pairs they were not fitted to."""
    x, y = np.stack([o.telling for o in test]), np.array([o.error_mm for o in test])
    sx = np.concatenate([o.slices for o in test])
    sy = np.concatenate([o.slice_error_mm for o in test])
    near = y <= 8
    low, high = volume.interval_mm(x)
    p, sp = volume.probability_above(x, TOLERANCE_MM), slices.probability_above(sx, TOLERANCE_MM)
    return {
        "pairs": len(y),
        "mean_absolute_error_mm_up_to_8": float(np.abs(volume.error_mm(x) - y)[near].mean()),
        "interval_coverage": float(((y >= low) & (y <= high)).mean()),
        "accuracy": float(((p > 0.5) == (y > TOLERANCE_MM)).mean()),
        "brier": float(((p - (y > TOLERANCE_MM)) ** 2).mean()),
        "false_alarms_aligned": float((p[y < 0.05] > 0.5).mean()),
        "slice_accuracy": float(((sp > 0.5) == (sy > TOLERANCE_MM)).mean()),
        "slice_mean_absolute_error_mm_up_to_8": float(
            np.abs(slices.error_mm(sx) - sy)[sy <= 8].mean()
        ),
    }


def _observations(bank: Tensor, engine: Engine, pairs: int, cache: Path) -> list[Observation]:
    cache.mkdir(parents=True, exist_ok=True)
    result = []
    for number in range(pairs):
        file = cache / f"{number:05d}.npz"
        if not file.exists():
            seen = observe_pair(bank, number, engine)
            arrays = {} if seen is None else {k: np.asarray(v) for k, v in vars(seen).items()}
            with atomic_file(file) as partial:
                np.savez(partial, **arrays)  # type: ignore[arg-type]
            print(f"{number + 1} of {pairs}", flush=True)  # noqa: T201
        with np.load(file) as stored:
            if "volume" in stored:
                result.append(
                    Observation(
                        stored["volume"],
                        float(stored["error_mm"]),
                        stored["slices"],
                        stored["slice_error_mm"],
                    )
                )
    return result


def main() -> None:
    """Calibrate from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=400)
    parser.add_argument("--cache", type=Path, required=True, help="folder of observations")
    parser.add_argument("--bank", type=Path, required=True, help="label maps (.npy), see train qc")
    parser.add_argument("--out", type=Path, default=WEIGHTS / "calibration.json")
    arguments = parser.parse_args()
    bank = load_or_make_bank(arguments.bank, count=96, size=128, seed=BANK_SEED)
    result = calibrate(bank, OpenVINOEngine(), arguments.pairs, arguments.cache)
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result["held_out"], indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
