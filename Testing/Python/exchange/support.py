"""Pairs of images with a known transform in files, and other programs that resample by them.

A program runs in a process of its own (``peer_*.py``, which know nothing of RegQC), perhaps of
another Python: REGQC_PEER_PYTHON names one that has antspyx and itk-elastix, whose pins or size
keep them out of the environment of the other tests. It is given a list of jobs:

fixed, moving, transform     files to read
moved                        file to write: moving resampled onto fixed, linear, 0 outside
field                        file to write: its own copy of the displacements
stem                         start of the names of further files
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.image_io import save_volume
from RegQCLib.geometry.transform_io import save_transform
from RegQCLib.geometry.transforms import Affine, Composite, Transform
from RegQCLib.geometry.volume import Volume

HERE = Path(__file__).parent
TIME_LIMIT_S = 300  # itk reads a gigabyte of libraries when it is first imported
DETAIL = 2.0  # voxels: SD of the smoothing of the images
GRIDS = {
    "anisotropic": ((1.2, 0.9, 2.5), (0, 0, 0)),
    "oblique": ((1.1, 1.3, 2.0), (12, -25, 40)),
    "left-handed": ((-1.2, 1.0, 2.2), (10, 20, -15)),
}
KINDS = ("affine", "field", "composite")


@dataclass(frozen=True)
class Program:
    """A program that resamples. module: what its Python must have. writes: suffix of its fields."""

    name: str
    module: str
    worker: str
    writes: str = ".nii.gz"


PROGRAMS = (
    Program("SimpleITK", "SimpleITK", "peer_simpleitk.py"),
    Program("antsApplyTransforms", "ants", "peer_ants.py"),
    Program("transformix", "itk.itkElastixRegistrationMethodPython", "peer_elastix.py"),
    Program("Slicer", "slicer", "peer_slicer.py", ".h5"),
)


@dataclass(frozen=True)
class Exchange:
    """A pair and one way to write its transform. suffix: ".h5", ".tfm" or ".nii.gz".

    backward: the inverse, which resamples the fixed image onto the moving grid.
    """

    grid: str
    kind: str
    suffix: str
    backward: bool

    @property
    def name(self) -> str:
        """For files and test reports."""
        way = "backward" if self.backward else "forward"
        return f"{self.grid}-{self.kind}-{way}{self.suffix}"

    @property
    def images(self) -> tuple[Volume, Volume]:
        """The image whose grid is filled, and the one that is resampled."""
        pair = picture(self.grid, 0), picture(self.grid, 1)
        return (pair[1], pair[0]) if self.backward else pair

    @property
    def transform(self) -> Transform:
        """From points of the first image to those of the second."""
        motion = motions(self.grid)[self.kind]
        return motion.inverse() if self.backward else motion


EXCHANGES = [
    Exchange(grid, kind, suffix, backward)
    for grid in GRIDS
    for kind in KINDS
    for suffix in (".h5", ".tfm", ".nii.gz")
    for backward in (False, True)
    if not (suffix == ".tfm" and kind != "affine")  # dense fields as text would be huge
]


def picture(grid: str, number: int) -> Volume:
    """Smooth noise between 0 and 1 on the fixed (0) or the moving grid (1)."""
    shape = ((18, 32, 28), (20, 27, 34))[number]
    noise = np.random.default_rng(number).normal(size=shape)
    smooth = ndimage.gaussian_filter(noise, DETAIL)
    array = (smooth - smooth.min()) / np.ptp(smooth)
    scale, angles = GRIDS[grid]
    turned = Affine.rigid(np.array(angles) * (1 - 0.4 * number)).matrix
    affine = turned @ np.diag([*scale, 1.0])
    center = affine[:3, :3] @ (np.array(shape[::-1]) - 1) / 2
    affine[:3, 3] = np.array([5.0, -60.0, 80.0]) + 0.37 * number - center
    return Volume(array.astype(np.float32), affine, ("fixed", "moving")[number])


def motions(grid: str) -> dict[str, Transform]:
    """From fixed to moving points: affine, bent, and first bent, then affine."""
    fixed = picture(grid, 0).grid
    affine = Affine.from_parameters(
        rotation_deg=(4, -6, 8),
        translation_mm=(2, -3, 1.5),
        scale=(1.04, 0.97, 1.02),
        shear=(0.02, 0, -0.03),
        center=fixed.center,
    )
    field = bend(fixed)
    return {"affine": affine, "field": field, "composite": Composite([field, affine])}


def bend(grid: Grid) -> DisplacementField:
    """A smooth field of at most 3 mm that ends at the border of the grid."""
    noise = np.random.default_rng(7).normal(size=(3, *grid.shape))
    smooth = np.stack([ndimage.gaussian_filter(part, 4) for part in noise])
    for axis, count in enumerate(grid.shape):
        fade = np.clip(3 * np.sin(np.pi * np.arange(count) / (count - 1)), 0, 1)
        smooth *= fade.reshape([-1 if a == axis else 1 for a in range(3)])
    vectors = 3 * smooth / np.linalg.norm(smooth, axis=0).max()
    return DisplacementField(vectors.astype(np.float32), grid.affine)


def has(python: str, module: str) -> bool:
    """Whether a Python has a module, without importing it."""
    question = f"import importlib.util as u; raise SystemExit(not u.find_spec({module!r}))"
    done = subprocess.run([python, "-c", question], capture_output=True, check=False)
    return not done.returncode


def peer_python(module: str) -> str | None:
    """The Python that has a module, or None."""
    named = os.environ.get("REGQC_PEER_PYTHON")
    candidates = [sys.executable, *([str(Path(named).absolute())] if named else [])]
    return next((python for python in candidates if has(python, module)), None)


def run_peer(program: Program, python: str, folder: Path) -> dict[str, dict[str, str]]:
    """Let a program do every exchange in ``folder``; its files by name of the exchange."""
    jobs = {}
    for number, exchange in enumerate(EXCHANGES):
        fixed, moving = exchange.images
        names = {
            "fixed": "fixed.nii.gz",
            "moving": "moving.nii.gz",
            "transform": f"transform{exchange.suffix}",
            "moved": "moved.nii.gz",
            "field": f"field{program.writes}",
            "stem": "part-",
        }
        job = {role: str(folder / f"{number}-{name}") for role, name in names.items()}
        save_volume(fixed, job["fixed"])
        save_volume(moving, job["moving"])
        save_transform(exchange.transform, job["transform"], grid=fixed.grid)
        jobs[exchange.name] = job
    (folder / "jobs.json").write_text(json.dumps(list(jobs.values())), encoding="utf-8")
    done = subprocess.run(
        [python, str(HERE / program.worker), str(folder / "jobs.json")],
        cwd=folder,  # transformix writes a file where it is
        capture_output=True,
        text=True,
        check=False,
        timeout=TIME_LIMIT_S,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    return jobs
