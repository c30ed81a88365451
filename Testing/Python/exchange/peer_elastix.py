"""transformix on every job: see support.py. Knows nothing of RegQC.

ITK's transforms are given as external ones: named in a parameter file (Transform "File"), or by
SetTransform, a displacement field is refused or, inside a composite, left out without a word.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import itk

FIELD = {
    "Transform": ["DeformationFieldTransform"],
    "DeformationFieldInterpolationOrder": ["1"],
    "HowToCombineTransforms": ["Compose"],
    "InitialTransformParameterFileName": ["NoInitialTransform"],
    "NumberOfParameters": ["0"],
}


def sampling(fixed: Any) -> dict[str, list[str]]:
    """The grid to fill, and how."""
    directions = itk.array_from_matrix(fixed.GetDirection())
    return {
        "Size": [str(n) for n in itk.array_from_image(fixed).shape[::-1]],
        "Index": ["0"] * 3,
        "Spacing": [repr(v) for v in fixed.GetSpacing()],
        "Origin": [repr(v) for v in fixed.GetOrigin()],
        "Direction": [repr(v) for v in directions.T.ravel().tolist()],
        "Resampler": ["DefaultResampler"],
        "ResampleInterpolator": ["FinalLinearInterpolator"],
        "DefaultPixelValue": ["0"],
        "ResultImagePixelType": ["float"],
    }


for job in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
    fixed, moving = (itk.imread(job[role], itk.F) for role in ("fixed", "moving"))
    transformix = itk.TransformixFilter[type(moving)].New(moving)
    chosen = sampling(fixed)
    if job["transform"].endswith(".nii.gz"):
        chosen |= FIELD | {"DeformationFieldFileName": [job["transform"]]}
    else:
        transformix.SetExternalTransform(itk.transformread(job["transform"])[0])
    parameters = itk.ParameterObject.New()
    parameters.AddParameterMap(chosen)
    transformix.SetTransformParameterObject(parameters)
    transformix.SetComputeDeformationField(True)
    transformix.Update()
    itk.imwrite(transformix.GetOutput(), job["moved"])
    itk.imwrite(transformix.GetOutputDeformationField(), job["field"])
