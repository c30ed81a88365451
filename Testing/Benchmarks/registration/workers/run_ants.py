"""antspyx: Rigid, Affine, SyNOnly; with CC (variant ``cc``) where contrasts are the same.

Where images lie far apart, its multi-start search comes first, on 4 mm voxels as in the scripts of
ANTs.
"""

from __future__ import annotations

import ants
from job import Job

SEARCH_MM = (4.0, 4.0, 4.0)
CC = {"syn_metric": "CC", "syn_sampling": 2, "reg_iterations": (100, 70, 40)}


def main() -> None:
    """Register and name the files that ANTs wrote."""
    job = Job.from_arguments()
    fixed, moving = ants.image_read(job.path(job.fixed)), ants.image_read(job.path(job.moving))
    options = {"outprefix": job.path("ants_"), "random_seed": job.seed + 1}
    with job.timed():
        if job.far:
            coarse = [ants.resample_image(image, SEARCH_MM) for image in (fixed, moving)]
            options["initial_transform"] = ants.affine_initializer(
                *coarse, search_factor=20, radian_fraction=0.25, txfn=job.path("start.mat")
            )
        if job.kind == "deformable":
            chosen = CC if job.variant == "cc" else {}
            found = ants.registration(fixed, moving, "SyNOnly", **chosen, **options)
        else:
            found = ants.registration(fixed, moving, job.kind.capitalize(), **options)
    back = [(name, name.endswith(".mat")) for name in found["invtransforms"]]
    job.done([(name, False) for name in found["fwdtransforms"]], back)


main()
