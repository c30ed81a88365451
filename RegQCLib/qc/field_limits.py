"""What a plausible deformation keeps to: within one body, and between two.

Limits lie above what good registrations show and below what failed ones do. "Published" is
reference/methods.md, sections 6 and 17, and reference/peers.md; "trial" registers warped random
label maps (72^3 voxels of 2 mm, truth SD of log J 0.09 to 0.11) within one contrast (good, 0.9 to
1.1 mm off; B-splines by mutual information also across two, 1.8 mm) and, by demons and B-splines
on squared differences, across two (failed, 2 to 9 mm). The trial is small, two to four maps, and
the limits were set on it: they are not validated. Smoothly wrong fields (2 to 3 mm) pass them.
"""

from __future__ import annotations

from dataclasses import dataclass

JACOBIAN_RANGE = (0.2, 5.0)
"""A fivefold change of volume is no anatomy of one body."""


@dataclass(frozen=True)
class FieldLimits:
    """Largest values that still count as plausible, inside the body.

    folded_fraction: share of voxels with a determinant of zero or less. Published: SyN 0.2 %,
        VoxelMorph 0.4 %, NiftyReg 0.8 %; failed 1.4 to 6.6 %. Trial: 0; failed 0 to 7 %. TG-132
        wants none at all, but per structure: its table reports folded voxels one by one.
    extreme_fraction: share outside JACOBIAN_RANGE. Trial: good below the limit; failed up to 16 %.
    sd_log_jacobian: where nothing folds (one fold in 200 voxels alone would give 1.5). Published:
        0.04 to 0.15. Trial: good 0.05 to 0.20, failed 0.11 to 0.30 without folds.
    roughness: root of the bending energy times the voxel size, how much strain changes from one
        voxel to the next. The energy itself grows as voxels shrink: a limit on it, tried first,
        refused a true field of 1 mm voxels. Trial: good 0.03 to 0.09, failed 0.06 to 1; one map at
        1 mm: truth 0.09, failed 0.06 and 0.15, good not run.
    rotation_deg: exceeded by 5 % of the body. Trial: good 3 to 11, failed 5 to 65 degrees.
    local_rotation_deg: exceeded by half a percent of the body: a spot that turns like that against
        its surroundings is a swirl, however good the rest.
    """

    folded_fraction: float = 0.01
    extreme_fraction: float = 0.005
    sd_log_jacobian: float = 0.25
    roughness: float = 0.13
    rotation_deg: float = 30.0
    local_rotation_deg: float = 40.0


ONE_BODY = FieldLimits()

TWO_BODIES = FieldLimits(
    extreme_fraction=0.03,
    sd_log_jacobian=0.6,
    roughness=0.35,
    rotation_deg=45.0,
    local_rotation_deg=70.0,
)
"""Between people, folds and ventricles of other sizes ask for more. Published for brains: SD of log
J up to 0.54. Set on two brains registered both ways round (0.51, 1.2 %, roughness 0.24, 33 and 48
degrees), and looser than that by a third or more: they catch less."""
