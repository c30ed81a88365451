"""How long a check takes: ``python -m Testing.Benchmarks.detection.speed``.

A 160 x 192 x 160 pair at 1 mm, checked in a process of its own, after one small check that pays for
imports and the loading of the model (the start-up). Beside it, in the same process, SimpleITK's
linear resampling of the same pair under a rigid transform: times on other machines compare by the
ratio. Peak memory is that of the whole process.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from RegQCLib.geometry.resample import resample
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from Testing.Benchmarks.results_file import write_results

SHAPE = (160, 192, 160)
WARM_SHAPE = (48, 56, 48)
REPEATS = 3
TISSUE_MM = 4.0  # standard deviation of the smoothing that makes tissues from noise
MOTION = Affine.rigid(rotation_deg=(2, 1, -3), translation_mm=(1, 2, -1))


def phantom_pair(shape: tuple[int, int, int], *, seed: int = 0) -> tuple[Volume, Volume]:
    """A head-like body of smooth tissues in two contrasts, 1 mm, aligned; (D, H, W) float32."""
    rng = np.random.default_rng(seed)
    tissue = gaussian_filter(rng.standard_normal(shape).astype(np.float32), TISSUE_MM)
    levels = np.digitize(tissue, np.quantile(tissue[::4, ::4, ::4], np.linspace(0, 1, 7)[1:-1]))
    index = [(np.arange(n) - (n - 1) / 2) / (0.42 * n) for n in shape]
    k, j, i = np.meshgrid(*index, indexing="ij", sparse=True)
    body = k**2 + j**2 + i**2 < 1
    volumes = []
    for name in ("fixed", "moving"):
        values = rng.permutation(np.linspace(200, 900, 6))[levels]
        image = gaussian_filter(values * body, 0.7) + rng.normal(0, 15, shape)
        volumes.append(Volume(image.clip(0).astype(np.float32), np.eye(4), name))
    return volumes[0], volumes[1]


def measure() -> dict[str, Any]:
    """Seconds by stage, their sum, the reference, and peak memory of this process in GB."""
    import SimpleITK

    from RegQCLib.geometry.sitk import affine_to_sitk, to_sitk
    from RegQCLib.qc.check import check

    started = time.perf_counter()
    check(*phantom_pair(WARM_SHAPE))
    startup = time.perf_counter() - started
    fixed, moving = phantom_pair(SHAPE)
    stages: list[dict[str, float]] = []
    total = _best(lambda: stages.append(check(fixed, moving).timing_s))
    moved_total = _best(lambda: check(fixed, moving, MOTION))
    images, motion = (to_sitk(fixed), to_sitk(moving)), affine_to_sitk(MOTION)
    reference = _best(lambda: SimpleITK.Resample(images[1], images[0], motion))
    ours = _best(lambda: resample(moving, fixed.grid, MOTION))
    return {
        "shape": list(SHAPE),
        "startup_s": startup,
        "check_s": total,
        "check_with_transform_s": moved_total,
        "stages_s": stages[-1],
        "resample_s": ours,
        "reference_simpleitk_resample_s": reference,
        "ratio_to_reference": total / reference,
        "three_slices_s": three_slices(fixed, moving),
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def three_slices(fixed: Volume, moving: Volume) -> float:
    """Seconds to judge the three visible slices alone under a new transform, as dragging needs."""
    from RegQCLib.qc.live import SliceProbe

    probe = SliceProbe(fixed, moving)
    k, j, i = (n // 2 for n in fixed.shape)
    return _best(lambda: probe.score((k, j, i), MOTION))


def main() -> int:
    """Measure in a fresh process and print, or write with --out."""
    parser = argparse.ArgumentParser(prog="detection.speed", description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.here:
        print(json.dumps(measure()))
        return 0
    command = [sys.executable, "-m", "Testing.Benchmarks.detection.speed", "--here"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        return done.returncode
    result = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps(result, indent=1))
    if args.out:
        write_results(args.out, result)
    return 0


def _best(action: Callable[[], object]) -> float:
    """Shortest of a few runs, seconds: what others do on the machine only adds."""
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


if __name__ == "__main__":
    sys.exit(main())
