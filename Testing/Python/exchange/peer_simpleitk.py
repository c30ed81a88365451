"""SimpleITK on every job: see support.py. Knows nothing of RegQC."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import SimpleITK as sitk


def read(file: str) -> sitk.Transform:
    """A transform file, or a displacement field."""
    if file.endswith(".nii.gz"):
        return sitk.DisplacementFieldTransform(sitk.ReadImage(file, sitk.sitkVectorFloat64))
    return sitk.ReadTransform(file)


for job in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
    fixed, moving = (sitk.ReadImage(job[role]) for role in ("fixed", "moving"))
    transform = read(job["transform"])
    sitk.WriteImage(sitk.Resample(moving, fixed, transform, sitk.sitkLinear, 0.0), job["moved"])
    sampled = sitk.TransformToDisplacementField(
        transform,
        sitk.sitkVectorFloat64,
        fixed.GetSize(),
        fixed.GetOrigin(),
        fixed.GetSpacing(),
        fixed.GetDirection(),
    )
    sitk.WriteImage(sampled, job["field"])
