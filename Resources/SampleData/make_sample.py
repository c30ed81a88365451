"""Cut the sample pair out of the shared validation data (needs REGQC_DATA; see README.md here).

Patient 3, second study: FLAIR and T1-weighted images of one visit, brought onto one grid of
1 x 1 x 3 mm. The T1-weighted image goes through the transform that the data set's authors supply,
which maps FLAIR points to T1 points, so that the pair is aligned.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk

STEM = "omslong_p03_s2"
IN_PLANE_MM = 1.0
SLICES = slice(11, 40)  # from the temporal poles to below the vertex
MARGIN_MM = 9.0  # around the bright part of the FLAIR image, for the scalp that T1 shows
LEVELS = 255  # gray levels kept: finer steps are noise, and cost space
BRIGHTEST = 2.2  # in medians of the head; only the fat of the T1 image exceeds it
HERE = Path(__file__).resolve().parent

MOVE_ROTATION_DEG = (1.0, 0.5, 2.0)
MOVE_TRANSLATION_MM = (2.0, -2.5, 1.5)


def main() -> None:
    """Write flair.nii.gz, t1w.nii.gz and moved.tfm beside this file."""
    data = Path(os.environ.get("REGQC_DATA") or sys.exit("set REGQC_DATA to the validation data"))
    fixed = sitk.ReadImage(str(data / f"{STEM}_FLAIR.nii.gz"), sitk.sitkFloat32)
    moving = sitk.ReadImage(str(data / f"{STEM}_T1W.nii.gz"), sitk.sitkFloat32)
    to_moving = sitk.ReadTransform(str(data / f"{STEM}_T1W_to_FLAIR.txt"))
    grid = _grid_around_head(fixed)
    flair = sitk.Resample(fixed, grid, sitk.Transform(), sitk.sitkLinear, 0.0, sitk.sitkFloat32)
    t1w = sitk.Resample(moving, grid, to_moving, sitk.sitkLinear, 0.0, sitk.sitkFloat32)
    for name, image in (("flair", flair), ("t1w", t1w)):
        sitk.WriteImage(_quantized(image), str(HERE / f"{name}.nii.gz"), useCompression=True)
    move = sitk.Euler3DTransform()
    center = [(n - 1) / 2 for n in grid.GetSize()]
    move.SetCenter([round(x, 1) for x in grid.TransformContinuousIndexToPhysicalPoint(center)])
    move.SetRotation(*np.deg2rad(MOVE_ROTATION_DEG))
    move.SetTranslation(MOVE_TRANSLATION_MM)
    sitk.WriteTransform(move, str(HERE / "moved.tfm"))
    print(f"moved.tfm moves the head by {_mean_displacement(move, flair):.1f} mm on average")


def _grid_around_head(image: sitk.Image) -> sitk.Image:
    """Return an empty image on the box around the head, at the sample's voxel size."""
    head = sitk.OtsuThreshold(sitk.SmoothingRecursiveGaussian(image, 2.0), 0, 1)
    head = sitk.RelabelComponent(sitk.ConnectedComponent(head)) == 1
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(head[:, :, SLICES])
    i, j, _, width, height, _ = shape.GetBoundingBox(1)
    margin = round(MARGIN_MM / image.GetSpacing()[0])
    box = image[i - margin : i + width + margin, j - margin : j + height + margin, SLICES]
    spacing = (IN_PLANE_MM, IN_PLANE_MM, box.GetSpacing()[2])
    size = [int(n * s / IN_PLANE_MM) for n, s in zip(box.GetSize()[:2], box.GetSpacing()[:2])]
    grid = sitk.Image(*size, box.GetSize()[2], sitk.sitkFloat32)
    grid.SetOrigin(box.GetOrigin())
    grid.SetDirection(box.GetDirection())
    grid.SetSpacing(spacing)
    return grid


def _quantized(image: sitk.Image) -> sitk.Image:
    array = sitk.GetArrayFromImage(image)
    head = sitk.GetArrayFromImage(sitk.OtsuThreshold(image, 0, 1)) > 0
    scaled = np.clip(array / (BRIGHTEST * np.median(array[head])), 0, 1) * LEVELS
    result = sitk.GetImageFromArray(np.rint(scaled).astype(np.int16))
    result.CopyInformation(image)
    return result


def _mean_displacement(move: sitk.Transform, image: sitk.Image) -> float:
    """Return how far ``move`` shifts the voxels of the head, mean in mm."""
    head = np.argwhere(sitk.GetArrayFromImage(sitk.OtsuThreshold(image, 0, 1)))[::50, ::-1]
    points = [image.TransformIndexToPhysicalPoint(index.tolist()) for index in head]
    gaps = np.array([move.TransformPoint(p) for p in points]) - np.array(points)
    return float(np.linalg.norm(gaps, axis=1).mean())


if __name__ == "__main__":
    main()
