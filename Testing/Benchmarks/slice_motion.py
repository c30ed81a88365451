"""Slice repair on real stacks with known motion: what is found, what is left, what is disturbed.

python -m Testing.Benchmarks.slice_motion --out Testing/Benchmarks/results/slice_motion.json
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from RegQCLib.geometry.image_io import load_volume
from RegQCLib.registration.slice_match import turn_of
from RegQCLib.registration.slice_poses import displacement_mm
from RegQCLib.registration.slice_stack import Stack
from RegQCLib.registration.slices import fix_slices
from Testing.Benchmarks.results_file import write_results
from Testing.Benchmarks.slice_motion_cases import Case, Simulated, simulate

TELLING = 0.1  # of the largest body area: slices with less are counted apart

CASES = (
    Case("omslong_p03_s2_T2W", None),
    Case("omslong_p03_s1_FLAIR", None, pattern="interleaved"),
    Case("omsmni_p19_T1", None, "axial", 3.0),
    Case("lumbar_DzZ_T1", None, "sagittal", 3.0),
    Case("cspine_sub01_MToff", None),
    Case("omslong_p03_s2_T2W", None, pattern="none"),
    Case("lumbar_DzZ_T2", None, "sagittal", 3.0, pattern="none"),
    Case("omslong_p03_s2_FLAIR", "omslong_p03_s2_T2W"),
    Case("omsmni_p19_T1", "omsmni_p19_T2", "axial", 3.0, pattern="interleaved"),
    Case("lumbar_DzZ_T1", "lumbar_DzZ_T2", "sagittal", 3.0),
    Case("cspine_sub01_MToff", "cspine_sub01_MTon"),
    Case("omslong_p03_s2_FLAIR", "omslong_p03_s2_T2W", pattern="none"),
    Case("omsmni_p19_T1", "omsmni_p19_T2", "axial", 4.0, "rigid"),
    Case("brats_p1_FLAIR", "brats_p1_T1c", "axial", 4.0, "rigid"),
    Case("omsmni_p19_T2", "omsmni_p19_T1", "coronal", 4.0, "rigid", "interleaved"),
    Case("lumbar_DzZ_T1", "lumbar_DzZ_T2", "sagittal", 3.0, "rigid"),
    Case("omsmni_p19_T2", "omsmni_p19_T1", "axial", 4.0, "rigid", "none"),
)


def main() -> None:
    """Run the cases and write what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", default="", help="cases whose part, image or pattern has this")
    parser.add_argument("--seed", type=int, default=1000)
    options = parser.parse_args()
    data = Path(os.environ["REGQC_DATA"])
    rows: list[dict[str, Any]] = []
    for number, case in enumerate(CASES):
        if options.only not in f"{case.part} {case.image} {case.pattern}":
            continue
        rows.append(run(data, case, options.seed + number))
        print(line(rows[-1]["case"], rows[-1]), flush=True)
        write_results(options.out, result(rows, options.seed))
    for part, total in result(rows, options.seed)["parts"].items():
        print(line(part, total))


def run(data: Path, case: Case, seed: int) -> dict[str, Any]:
    """Simulate, repair and compare one case."""
    reference = None
    if case.reference is not None:
        reference = load_volume(data / f"{case.reference}.nii.gz")
    simulated = simulate(load_volume(data / f"{case.image}.nii.gz"), case, seed)
    start = time.process_time()
    repair = fix_slices(simulated.volume, reference, axis=0, model=case.model)
    seconds = time.process_time() - start
    name = f"{case.image} {case.pattern}"
    row = {"case": name, "part": case.part, **vars(case), "seed": seed}
    return {**row, "cpu_s": round(seconds, 1), **compared(simulated, repair)}


def compared(simulated: Simulated, repair: Any) -> dict[str, Any]:
    """Counts, and residuals of the slices that were put back, on slices that show enough."""
    stack = Stack(simulated.volume, 0)
    area = stack.body.sum(axis=(1, 2))
    telling = area >= TELLING * area.max()
    states = np.array([one.state for one in repair.motions])
    moved, put_back = simulated.moved, states == "moved"
    to_stack = np.linalg.inv(stack.to_world)
    residual_mm, residual_deg = [], []
    for number in np.flatnonzero(telling & moved & put_back):
        away = to_stack @ repair.motions[number].transform.matrix @ stack.to_world
        left = np.linalg.inv(simulated.poses[number]) @ np.linalg.inv(away)
        residual_mm.append(displacement_mm(stack, int(number), left))
        residual_deg.append(float(np.degrees(np.linalg.norm(turn_of(left)))))
    silent = states == "no evidence"
    return {
        "moved": int((telling & moved).sum()),
        "found": int((telling & moved & put_back).sum()),
        "moved_without_evidence": int((telling & moved & silent).sum()),
        "good": int((telling & ~moved).sum()),
        "touched": int((telling & ~moved & put_back).sum()),
        "small_slices": int((~telling & stack.content).sum()),
        "small_touched": int((~telling & ~moved & put_back).sum()),
        "residual_mm": residual_mm,
        "residual_deg": residual_deg,
    }


def result(rows: list[dict[str, Any]], seed: int) -> dict[str, Any]:
    """Rows, and their sums by part."""
    parts: dict[str, Any] = {}
    for part in [*dict.fromkeys(row["part"] for row in rows), "all"]:
        chosen = [row for row in rows if part in (row["part"], "all")]
        parts[part] = {
            key: sum((row[key] for row in chosen), type(chosen[0][key])())
            for key in chosen[0]
            if isinstance(chosen[0][key], int | float | list) and key not in ("seed",)
        }
        parts[part] |= summary(parts[part])
    return {"seed": seed, "telling_share": TELLING, "parts": parts, "rows": rows}


def summary(counts: dict[str, Any]) -> dict[str, Any]:
    """Shares and distributions of a row or a sum."""
    mm, degrees = np.array(counts["residual_mm"]), np.array(counts["residual_deg"])
    told = {
        "found_share": counts["found"] / counts["moved"] if counts["moved"] else None,
        "touched_share": counts["touched"] / counts["good"] if counts["good"] else None,
    }
    for name, values in (("mm", mm), ("deg", degrees)):
        if values.size:
            told[f"mean_{name}"], told[f"median_{name}"] = values.mean(), np.median(values)
            told[f"p95_{name}"] = np.percentile(values, 95)
            told[f"within_half_{name}"] = (values <= 0.5).mean()
    return told


def line(name: str, counts: dict[str, Any]) -> str:
    """One row of a table for people."""
    told = summary(counts)
    text = f"{name:34s} found {counts['found']}/{counts['moved']}"
    text += f" (without evidence {counts['moved_without_evidence']})"
    text += f" touched {counts['touched']}/{counts['good']}"
    for unit in ("mm", "deg"):
        if f"mean_{unit}" in told:
            values = [f"{told[f'{key}_{unit}']:.2f}" for key in ("mean", "median", "p95")]
            text += f" | {unit} {' '.join(values)} within 0.5: {told[f'within_half_{unit}']:.0%}"
    return f"{text} | {counts['cpu_s']:.0f} s"


if __name__ == "__main__":
    main()
