"""itk-elastix with its default parameter maps: rigid; rigid, then affine; B-splines.

The result is sampled on the fixed grid by transformix: exported B-splines are not what was found.
Threads are left to ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS: B-splines with number_of_threads=2 crash.
"""

from __future__ import annotations

import itk
from job import Job

MAPS = {"rigid": ("rigid",), "affine": ("rigid", "affine"), "deformable": ("bspline",)}


def main() -> None:
    """Register and write the displacements."""
    job = Job.from_arguments()
    fixed, moving = (itk.imread(job.path(name), itk.F) for name in (job.fixed, job.moving))
    parameters = itk.ParameterObject.New()
    for name in MAPS[job.kind]:
        chosen = parameters.GetDefaultParameterMap(name)
        chosen["WriteResultImage"] = ["false"]
        chosen["RandomSeed"] = [str(job.seed + 1)]
        if job.far:  # else it gives up where the images share little
            chosen["RequiredRatioOfValidSamples"] = ["0.05"]
        parameters.AddParameterMap(chosen)
    with job.timed():
        _, found = itk.elastix_registration_method(
            fixed, moving, parameter_object=parameters, log_to_console=False
        )
    itk.imwrite(itk.transformix_deformation_field(moving, found), job.path("elastix.nii"))
    job.done([(job.path("elastix.nii"), False)])


main()
