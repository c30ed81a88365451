"""picsl-greedy: NMI for matrices; weighted NCC or NMI for warps.

Double precision: GreedyFloat3D with two threads hangs on large images.
"""

from __future__ import annotations

from job import Job
from picsl_greedy import Greedy3D

SEARCH = "-search 1000 20 20"  # starts, SD of angles in degrees and of shifts in mm


def main() -> None:
    """Register; warps come with an inverse, which is computed after the clock has stopped."""
    job = Job.from_arguments()
    tool = Greedy3D()
    both = f"-i {job.path(job.fixed)} {job.path(job.moving)} -threads {job.threads} -V 0"
    if job.kind == "deformable":
        metric = "WNCC 2x2x2" if job.same_contrast else "NMI"
        warp, inverse = job.path("warp.nii.gz"), job.path("inverse.nii.gz")
        with job.timed():
            tool.execute(f"{both} -m {metric} -n 100x50x20 -wp 0 -o {warp}")
        tool.execute(f"-threads {job.threads} -wp 0 -iw {warp} {inverse}")
        job.done([(warp, False)], [(inverse, False)])
        return
    matrix = job.path("greedy.matrix")
    degrees = {"rigid": 6, "affine": 12}[job.kind]
    search = SEARCH if job.far else ""
    with job.timed():
        tool.execute(
            f"{both} -a -dof {degrees} -m NMI -n 300x200x100 -ia-image-centers {search} "
            f"-seed {job.seed + 1} -o {matrix}"
        )
    job.done([(matrix, False)], [(matrix, True)])


main()
