"""Pairs of small phantoms on disk, and their manifest."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

SPACING_MM = 2.0
MOVES_MM = (0.0, 0.0, 3.0, 6.0)


def write_pairs(folder: Path, count: int, size: int) -> Path:
    """Write ``count`` pairs of ``size`` cubed voxels, two contrasts, and return their manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    affine = np.diag([SPACING_MM] * 3 + [1.0])
    lines = ["id,fixed,moving,moved_mm"]
    for number in range(count):
        rng = np.random.default_rng(number)
        tissue = _tissue(rng, size)
        moved_mm = MOVES_MM[number % len(MOVES_MM)]
        shifted = ndimage.shift(tissue, (0, 0, moved_mm / SPACING_MM), order=1)
        contrasts = {"f": 100 * tissue, "m": 200 * np.sqrt(shifted) * (1.4 - shifted)}
        for side, image in contrasts.items():
            noisy = (image + rng.normal(0, 2, image.shape)).astype(np.float32)
            nib.save(nib.Nifti1Image(noisy, affine), folder / f"{side}{number:04d}.nii.gz")
        name = f"{number:04d}"
        lines.append(f"pair{name},f{name}.nii.gz,m{name}.nii.gz,{moved_mm}")
    manifest = folder / "manifest.csv"
    manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return manifest


def _tissue(rng: np.random.Generator, size: int) -> np.ndarray:
    """An ellipsoid of blobs, 0 to 1."""
    axes = np.meshgrid(*[np.linspace(-1, 1, size)] * 3, indexing="ij")
    radii = rng.uniform(0.7, 0.9, 3)
    body = sum((axis / radius) ** 2 for axis, radius in zip(axes, radii, strict=True)) < 1
    blobs = ndimage.gaussian_filter(rng.normal(size=(size,) * 3), size / 20)
    blobs = np.clip(0.5 + 0.2 * blobs / blobs.std(), 0.15, 1)
    return ndimage.gaussian_filter(body * blobs, 0.7)
