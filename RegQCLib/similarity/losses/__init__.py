"""Similarity measures to descend: how unlike two images on one grid are, one measure a file.

Torch, CPU or GPU; `registry` finds a measure by name. Shared conventions:

- ``loss(fixed, moving, *, weights=None, ...)`` returns a scalar, the mean over batch and channels.
  Smaller = more alike. Only mutual information, unbounded, is below 0.
- fixed, moving: (N, C, H, W) or (N, C, D, H, W), floating point, on the same grid.
- weights: (N, 1, ...), a mask or a confidence of every voxel of the fixed grid, 0 or more. What
  lies where a weight is 0 has no influence, not even through a window, and may be NaN.
- Gradients flow to ``moving``. Quantities that are settings in spirit (noise levels, histogram
  ranges) are measured where no value is given, and then count as constants in the derivative.
  Second derivatives exist for all but mutual information and MIND.
- Constant images have finite losses and gradients.
- InputError for tensors that do not fit, values that are not finite, and masks that are empty.

`RegQCLib.similarity` holds the same measures for NumPy arrays, without torch.
"""
