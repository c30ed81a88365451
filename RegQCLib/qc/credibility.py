"""What is not believed although slices seem to show it: two priors on the residual displacement.

Two contrasts do not show the same surfaces. Where one cannot see a layer (fluid in FLAIR, fat where
it is suppressed), the body's outlines lie a millimeter apart, all around: that looks like scaling,
which hardly happens between scans of one body. And where exactly a thick slice lies is known to a
fraction of its thickness only. Both are taken off before anything is judged. Axes are (k, j, i).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from RegQCLib.qc.evidence import Evidence, affine_displacement
from RegQCLib.qc.planes import Frame, stack_axis

FloatArray = NDArray[np.float64]

STRAIN_SLACK = 0.015  # 1.5 %: about what hidden layers of 1 mm do to a head
POSITION_SLACK = 0.1  # of what a slice is thicker than its pixels


def credible_motion(motion: FloatArray) -> FloatArray:
    """An affine motion (3, 4) whose principal strains are smaller by 1.5 %, but not reversed."""
    linear = motion[:, :3]
    strain = (linear + linear.T) / 2
    values, vectors = np.linalg.eigh(strain)
    values = np.sign(values) * np.maximum(np.abs(values) - STRAIN_SLACK, 0)
    result = motion.copy()
    result[:, :3] = linear - strain + (vectors * values) @ vectors.T
    return result


def credible_displacement(
    displacement: FloatArray, evidence: Evidence, motion: FloatArray, frame: Frame
) -> FloatArray:
    """A displacement field (3, K, J, I) mm without what is not believed.

    motion: the affine part it contains.
    """
    discount = affine_displacement(evidence, motion) - affine_displacement(
        evidence, credible_motion(motion)
    )
    result = displacement - discount
    axis = stack_axis(frame.spacing)
    if axis is not None:
        slack = POSITION_SLACK * (frame.spacing[axis] - min(frame.spacing))
        through = result[axis]
        result[axis] = np.sign(through) * np.maximum(np.abs(through) - slack, 0)
    return result
