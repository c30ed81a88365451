"""The shipped slice classifier and its compressed forms.

``python -m Testing.Benchmarks.compression.qc_classifier --out F --work DIR`` compresses
``RegQCLib/weights/slice_classifier.npz``, read back into float32 as reference, along the plan below
by `regqc compress`, and holds the points against the targets: AUROC within 0.005 of float32, at
most a quarter of the bytes of the parameters in float32, and at least twice as fast as float32
torch in the same run. AUROC is over synthetic pairs that no training saw; latency is of batches of
16 pairs of 128 x 128 on two threads, all forms in turn. DIR keeps finished steps: an interrupted
run goes on. Needs about 20 minutes of two quiet cores; --quick is for trying.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from RegQCLib.compression.compress import compress
from RegQCLib.compression.points import FLOAT_BYTES
from RegQCLib.errors import InputError
from RegQCLib.qc.inference import WEIGHTS
from Testing.Benchmarks.results_file import write_results

FORMS = ("torch-bf16", "onnx", "onnx-int8", "openvino", "openvino-bf16", "openvino-int8")
LOSS, BYTES_SHARE, SPEED_UP = 0.005, 0.25, 2.0


def plan(*, pairs: int, repeats: int, steps: int, calibration: int) -> str:
    """The plan as TOML. steps: of each training. calibration: batches for the 8-bit forms."""
    rows = [
        f"[measure]\nthreads = 2\nbatch = 16\nrepeats = {repeats}\npairs = {pairs}",
        f"[choose]\nloss = {LOSS}\nbytes_share = {BYTES_SHARE}",
        *(_export(form, "original", form, calibration) for form in FORMS),
        _step("weights-8", "quantize-weights", "original", bits=8),
        _step("weights-4", "quantize-weights", "original", bits=4),
        _step("weights-4-searched", "quantize-weights", "original", bits=4, search=True),
        _step("pruned-25", "prune", "original", share=0.25),
        _step("pruned-25-tuned", "fine-tune", "pruned-25", steps=steps, learning_rate=1e-4),
        _step("pruned-25-tuned-8", "quantize-weights", "pruned-25-tuned", bits=8),
        _step("aware-4", "quantize-aware", "original", bits=4, steps=steps, learning_rate=1e-4),
    ]
    for name, share in (("slim-10", 0.1), ("slim-33", 0.33)):
        rows += [
            _step(name, "prune-channels", "original", share=share, multiple=2),
            _step(f"{name}-taught", "distill", name, steps=steps, learning_rate=5e-4),
            *(
                _export(f"{name}-{form}", f"{name}-taught", form, calibration)
                for form in ("onnx-int8", "openvino-int8")
            ),
        ]
    return "\n".join(rows) + "\n"


def verdict(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For every point, how it stands against the targets, each relative to float32 torch."""
    reference = points[0]
    rows = []
    for one in points:
        row = {
            "name": one["name"],
            "auroc_lost": reference["metric"] - one["metric"],
            "bytes_share": one["bytes"] / (FLOAT_BYTES * reference["parameters"]),
            "times_faster": reference["latency_ms"] / one["latency_ms"],
        }
        met = (
            row["auroc_lost"] <= LOSS
            and row["bytes_share"] <= BYTES_SHARE
            and row["times_faster"] >= SPEED_UP
        )
        rows.append({**row, "meets_targets": met})
    return rows


def run(work: Path, **sizes: int) -> dict[str, Any]:
    """Compress in ``work``; the table of all points, also when none keeps to the limits.

    sizes: as of `plan`.
    """
    plan_file = work / "plan.toml"
    work.mkdir(parents=True, exist_ok=True)
    plan_file.write_text(plan(**sizes))
    try:
        compress(
            WEIGHTS / "slice_classifier.npz", plan_file, work / "out", progress=_print_progress
        )
    except InputError as error:
        if "no point loses" not in str(error):
            raise
        print(error)
    table = json.loads((work / "out" / "points.json").read_text(encoding="utf-8"))
    return {**table, **sizes, "targets": verdict(table["points"])}


def main() -> None:
    """Measure and write, or print, the results."""
    parser = argparse.ArgumentParser(prog="compression.qc_classifier", description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--work", type=Path, help="folder that keeps finished steps")
    parser.add_argument("--quick", action="store_true", help="few pairs, repeats and steps")
    args = parser.parse_args()
    size = {"pairs": 4000, "repeats": 40, "steps": 600, "calibration": 12}
    if args.quick:
        size = {"pairs": 96, "repeats": 3, "steps": 2, "calibration": 2}
    with tempfile.TemporaryDirectory() as folder:
        result = run(args.work or Path(folder), **size)
    for row in result["targets"]:
        print(
            f"{row['name']:24s} AUROC lost {row['auroc_lost']:+.4f}, "
            f"{row['bytes_share']:.3f} of the bytes, {row['times_faster']:.2f} times faster"
            f"{', meets the targets' if row['meets_targets'] else ''}"
        )
    if args.out:
        write_results(args.out, result)


def _step(name: str, do: str, parent: str, **settings: object) -> str:
    lines = [f'[[step]]\nname = "{name}"\ndo = "{do}"\nfrom = "{parent}"']
    lines += [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    return "\n".join(lines)


def _export(name: str, parent: str, form: str, calibration: int) -> str:
    return _step(name, "export", parent, form=form, calibration=calibration)


def _print_progress(stage: str, fraction: float) -> None:
    print(f"\r{100 * fraction:3.0f} % {stage:50s}", end="", flush=True)


if __name__ == "__main__":
    main()
