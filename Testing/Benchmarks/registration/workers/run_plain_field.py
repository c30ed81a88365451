"""A field of displacements and nothing else: MONAI's local correlation and bending energy, Adam.

What many a notebook does. Good within one contrast; across two it diverges and says nothing.
"""

from __future__ import annotations

import nibabel
import numpy as np
import torch
from job import Job
from monai.losses import BendingEnergyLoss, LocalNormalizedCrossCorrelationLoss
from torch.nn.functional import avg_pool3d, grid_sample, interpolate

LEVELS = ((4, 80), (2, 60), (1, 20))  # voxels averaged, iterations
WINDOW = 5  # voxels
BENDING = 2.0
RATE = 0.1  # voxels of the level


def main() -> None:
    """Register two images on one grid; displacements are voxels along the axes of the file."""
    job = Job.from_arguments()
    torch.set_num_threads(job.threads)
    images = [nibabel.load(job.path(name)) for name in (job.fixed, job.moving)]
    whole = [torch.from_numpy(image.get_fdata(dtype=np.float32))[None, None] for image in images]
    whole = [(image - image.min()) / (image.max() - image.min()) for image in whole]
    with job.timed():
        field = torch.zeros(1, 3, 1, 1, 1)
        for factor, iterations in LEVELS:
            fixed, moving = (avg_pool3d(image, factor) for image in whole)
            field = interpolate(field, fixed.shape[2:], mode="trilinear", align_corners=False)
            field = refined(field * (1 if factor == LEVELS[0][0] else 2), fixed, moving, iterations)
    np.save(job.path("voxels.npy"), field[0].movedim(0, -1).numpy())
    job.done([(job.path("voxels.npy"), False)])


def refined(
    start: torch.Tensor, fixed: torch.Tensor, moving: torch.Tensor, iterations: int
) -> torch.Tensor:
    """Displacements in voxels (1, 3, I, J, K) after some steps."""
    similarity = LocalNormalizedCrossCorrelationLoss(kernel_size=WINDOW)
    smoothness = BendingEnergyLoss()
    size = torch.tensor(fixed.shape[2:])
    axes = [torch.arange(n, dtype=torch.float32) for n in size.tolist()]
    places = torch.stack(torch.meshgrid(*axes, indexing="ij"))[None]
    scale = (2 / size).view(1, 3, 1, 1, 1)
    field = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([field], lr=RATE)
    for _ in range(iterations):
        optimizer.zero_grad()
        there = ((places + field + 0.5) * scale - 1).movedim(1, -1).flip(-1)
        moved = grid_sample(moving, there, padding_mode="border", align_corners=False)
        loss = similarity(moved, fixed) + BENDING * smoothness(field)
        loss.backward()
        optimizer.step()
    return field.detach()


main()
