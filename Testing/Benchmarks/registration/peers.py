"""Every method as a child process that leaves transforms our own code evaluates.

Peers are optional wheels; the versions measured are in the README. They may live in an
environment of their own, whose Python is then given to `Method`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from RegQCLib.geometry.field_in_body import stored_affine
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.image_io import save_volume
from RegQCLib.geometry.transform_io import load_transform, save_transform
from RegQCLib.geometry.transforms import Affine, Composite, Transform, simplified
from Testing.Benchmarks.registration.cases import Case
from Testing.Benchmarks.registration.processes import Measured, run_measured

RIGID, AFFINE, DEFORMABLE = "rigid", "affine", "deformable"
LINEAR = (RIGID, AFFINE)
WORKERS = Path(__file__).parent / "workers"
REGQC, REGQC_NETWORK = "regqc", "regqc-network"
OURS = (REGQC, REGQC_NETWORK)
NETWORK = "contrast-agnostic"
REGISTRATION_STAGES = (RIGID, AFFINE, DEFORMABLE, NETWORK)


@dataclass(frozen=True)
class Order:
    """What is asked of a method; see workers/job.py."""

    kind: str
    same_contrast: bool
    far: bool = False
    seed: int = 0
    between_people: bool = False


@dataclass(frozen=True)
class Found:
    """transform and inverse: None when the method failed.

    seconds, cpu_seconds: of the registration alone, where the method tells.
    said: what RegQC says of its own result: the step it kept, its verdict, what limited it.
    """

    process: Measured
    transform: Transform | None = None
    inverse: Transform | None = None
    seconds: float | None = None
    cpu_seconds: float | None = None
    error: str = ""
    said: dict[str, Any] | None = None


@dataclass(frozen=True)
class Method:
    """module: what has to be importable. kinds: of registration that it offers.

    variant: for the worker; for RegQC, the kind in place of the one that is ordered.
    """

    name: str
    module: str
    worker: str
    kinds: tuple[str, ...] = (*LINEAR, DEFORMABLE)
    variant: str = ""

    @property
    def files(self) -> list[Path]:
        """The code whose changes make earlier results void."""
        return [Path(__file__), WORKERS / "job.py", WORKERS / self.worker]


METHODS = {
    method.name: method
    for method in (
        Method(REGQC, "RegQCLib", ""),
        Method(REGQC_NETWORK, "RegQCLib", "", (DEFORMABLE,), NETWORK),
        Method("elastix", "itk", "run_elastix.py"),
        Method("ants", "ants", "run_ants.py"),
        Method("ants-cc", "ants", "run_ants.py", (DEFORMABLE,), "cc"),
        Method("greedy", "picsl_greedy", "run_greedy.py"),
        Method("convexadam", "convexAdam", "run_convexadam.py", (DEFORMABLE,)),
    )
}
DEFAULT_METHODS = (REGQC, "elastix", "ants", "greedy", "convexadam")


def unavailable(method: Method, python: str = sys.executable) -> str:
    """Why a method cannot run, or ""."""
    if method.name in OURS:
        command = [sys.executable, "-m", "RegQCLib", "register", "--help"]
        why = "this version has no `regqc register` yet"
    else:
        finds = f"import importlib.util as u; raise SystemExit(not u.find_spec({method.module!r}))"
        command = [python, "-c", finds]
        why = f"the module {method.module} is not installed for {python}"
    return why if subprocess.run(command, capture_output=True, check=False).returncode else ""


def register(
    method: Method,
    case: Case,
    order: Order,
    folder: Path,
    *,
    threads: int,
    limit_s: float,
    python: str = sys.executable,
    device: str = "cpu",
) -> Found:
    """Run a method on a case in ``folder``, which must exist and be empty."""
    save_volume(case.fixed, folder / "fixed.nii")
    save_volume(case.moving, folder / "moving.nii")
    if method.name in OURS:
        kind = method.variant or order.kind
        command, read = _regqc_command(folder, order, kind, device), _read_regqc
    else:
        job = {
            "fixed": "fixed.nii",
            "moving": "moving.nii",
            "kind": order.kind,
            "same_contrast": order.same_contrast,
            "far": order.far,
            "threads": threads,
            "seed": order.seed,
            "variant": method.variant,
        }
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        command, read = [python, str(WORKERS / method.worker), str(folder)], _read_worker
    process = run_measured(command, threads=threads, limit_s=limit_s)
    if process.timed_out:
        return Found(process, error=f"stopped after {limit_s:g} s")
    if process.code:
        return Found(process, error=_last_line(process))
    return read(folder, case, process)


def _regqc_command(folder: Path, order: Order, kind: str, device: str) -> list[str]:
    """``regqc register``; a deformation starts from the images as they lie, as the peers' does."""
    images = [str(folder / "fixed.nii"), str(folder / "moving.nii")]
    command = [sys.executable, "-m", "RegQCLib", "register", *images, "--kind", kind]
    if order.kind == DEFORMABLE:
        save_transform(Affine.identity(), folder / "identity.tfm")
        command += ["--init", str(folder / "identity.tfm")]
    if order.between_people:
        command.append("--between-people")
    return [*command, "--device", device, "--out", str(folder / "regqc")]


def _read_regqc(folder: Path, case: Case, process: Measured) -> Found:
    out = folder / "regqc"
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return Found(
        process,
        load_transform(out / "transform.h5"),
        load_transform(out / "inverse.h5"),
        sum(report["timing_s"].get(stage, 0.0) for stage in REGISTRATION_STAGES),
        said={
            "kept": report["kept"],
            "verdict": report["after"]["verdict"],
            "limits": report["limits"],
        },
    )


def _read_worker(folder: Path, case: Case, process: Measured) -> Found:
    result: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    forward, backward = (_loaded(result[way], case) for way in ("forward", "backward"))
    return Found(process, forward, backward, result["seconds"], result["cpu_seconds"])


def _loaded(files: Sequence[tuple[str, bool]], case: Case) -> Transform | None:
    """One transform from files in the order in which a point meets them."""
    steps = []
    for name, inverted in files:
        path = Path(name)
        step = READERS.get(path.suffix, _read_itk)(path, case)
        steps.append(step.inverse() if inverted else step)
    return simplified(Composite(steps)) if steps else None


def _read_itk(path: Path, case: Case) -> Transform:
    """A transform file; displacements that hold an affine motion become that motion."""
    transform = load_transform(path)
    if isinstance(transform, DisplacementField):
        return stored_affine(transform) or transform
    return transform


def _read_matrix(path: Path, case: Case) -> Transform:
    """greedy's matrices lead from fixed to moving points in RAS mm."""
    return Affine(np.loadtxt(path))


def _read_voxels(path: Path, case: Case) -> Transform:
    """Displacements in voxels of the moving image, (I, J, K, 3) at the fixed voxels."""
    voxels = np.load(path).transpose(2, 1, 0, 3)
    grid, moving = case.fixed.grid, case.moving.grid
    k, j, i = np.indices(grid.shape, dtype=np.float32)
    there = moving.to_world(voxels + np.stack([i, j, k], axis=-1))
    shift = (there - grid.points()).astype(np.float32)
    return DisplacementField(np.moveaxis(shift, -1, 0), grid.affine)


READERS: dict[str, Callable[[Path, Case], Transform]] = {
    ".matrix": _read_matrix,
    ".npy": _read_voxels,
}


def _last_line(process: Measured) -> str:
    lines = [line.strip() for line in process.tail.splitlines() if line.strip()]
    said = lines[-1] if lines else "no output"
    return f"exit code {process.code}: {said}"
