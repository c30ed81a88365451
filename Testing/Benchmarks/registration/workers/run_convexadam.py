"""convexAdam with its defaults: MIND features, coupled convex optimization, then Adam."""

from __future__ import annotations

import nibabel
import numpy as np
import torch
from convexAdam.convex_adam_MIND import convex_adam_pt
from job import Job


def main() -> None:
    """Register two images on one grid; displacements are voxels along the axes of the file."""
    job = Job.from_arguments()
    torch.set_num_threads(job.threads)
    images = [nibabel.load(job.path(name)) for name in (job.fixed, job.moving)]
    values = [torch.from_numpy(image.get_fdata(dtype=np.float32)) for image in images]
    with job.timed():
        voxels = convex_adam_pt(*values)
    np.save(job.path("voxels.npy"), voxels.astype(np.float32))
    job.done([(job.path("voxels.npy"), False)])


main()
