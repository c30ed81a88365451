"""A trained network as a registration: images in, a transform in RAS mm and its inverse out.

The network sees both images on voxels of the size it was trained on, the moving one where the
initial transform puts it. What it predicts becomes a displacement field on the fixed image, in
front of that transform.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from RegQCLib.errors import InputError
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.jacobian import jacobian_determinant
from RegQCLib.geometry.memory import available_bytes
from RegQCLib.geometry.sampling import on_grid, sample_vectors
from RegQCLib.geometry.transforms import Composite, Transform
from RegQCLib.geometry.volume import Volume
from RegQCLib.progress import Progress, silent
from RegQCLib.registration.iterative.affine_images import block_factors
from RegQCLib.registration.iterative.affine_torch import torch_device
from RegQCLib.registration.iterative.deformable_field import covering_grid, polished
from RegQCLib.registration.iterative.learned_start import MODEL
from RegQCLib.registration.networks.exported import torch_layers
from RegQCLib.registration.networks.model_file import LoadedModel, load_model

SHIPPED = {"contrast-agnostic": MODEL}
INVERSION_STEPS = 20

WORKING_SHARE = 5.5
"""Memory of a prediction, in the values that its hungriest layer reads and writes.

LocalNet and label-reg, which keep most, take about 5, others 2 to 3 (learned/prediction_memory.py
of the benchmarks).
"""

GIB = 2**30


@dataclass(frozen=True, eq=False)
class LearnedResult:
    """What `register_learned` found.

    transform: fixed-space to moving-space points, RAS mm, the initial transform included; inverse:
    the other way. folded_fraction: share of the voxels at which the field folds. limits: what held
    the result back, in words.
    """

    transform: Transform
    inverse: Transform
    folded_fraction: float
    limits: tuple[str, ...]


def model_file(kind: str, weights: str | Path | None) -> Path:
    """The given file, or the one that ships. Raises InputError where there is neither."""
    file = weights or SHIPPED.get(kind)
    if file is None:
        raise InputError(
            f"a {kind} registration needs a trained model: give its file as weights, or train one "
            "with regqc train registration"
        )
    return Path(file)


def load_for(kind: str, weights: str | Path | None) -> LoadedModel:
    """Read the model file for a registration of this kind.

    Raises InputError as `model_file` and `load_model`, and for a file of another network.
    """
    file = model_file(kind, weights)
    model = load_model(file)
    if model.name != kind:
        raise InputError(
            f"{file}: a model of the network {model.name}, and {kind} was asked for; give "
            f"another file, or ask for {model.name}"
        )
    return model


def require_fit(model: LoadedModel, *images: Volume) -> None:
    """Raise InputError when a model cannot take an image: too few voxels, or another dimension."""
    axes, divisor = network_axes(model.network), network_divisor(model.network)
    for image in images:
        many = sum(n > 1 for n in image.shape)
        if many != axes:
            what = "a volume" if many == 3 else "a single slice" if many == 2 else "a line"
            needed = "volumes" if axes == 3 else "single slices"
            raise InputError(
                f"{image.name}: {what}, and this model of {model.name} registers {needed}; give "
                "another image or model"
            )
        step = model.preprocessing.spacing_mm
        lengths = [n * s for n, s in zip(image.shape[::-1], image.spacing, strict=True) if n > 1]
        if model.preprocessing.size is None and min(lengths) < divisor * step:
            shown = " x ".join(f"{length:g}" for length in lengths)
            raise InputError(
                f"{image.name}: {shown} mm are too little for this model of {model.name}, which "
                f"needs {divisor} voxels of {step:g} mm along each axis; give a larger image"
            )


def register_learned(
    fixed: Volume,
    moving: Volume,
    model: LoadedModel,
    *,
    init: Transform | None = None,
    max_memory_gb: float | None = None,
    device: str = "auto",
    progress: Progress = silent,
) -> LearnedResult:
    """Predict the deformation that brings ``moving`` to ``fixed``; two volumes, or two slices.

    init: fixed-space to moving-space points, where to start. max_memory_gb: for the prediction; by
    default what the machine has. device: "auto", "cpu" or "cuda".
    Raises InputError for images that the model cannot take, or that do not fit into memory.
    """
    require_fit(model, fixed, moving)
    place = torch_device(device)
    progress("preparing", 0.0)
    grid = model.preprocessing.network_grid(fixed, network_divisor(model.network))
    _require_memory(model, fixed, grid, place, max_memory_gb)
    shape = [n for n in grid.shape if n > 1]
    arrays = (
        model.preprocessing.image(fixed, grid),
        model.preprocessing.image(moving, grid, init),
    )
    tensors = [torch.from_numpy(a).reshape(1, 1, *shape).to(place) for a in arrays]
    progress("predicting", 0.2)
    with torch.inference_mode():
        displacement = model.network.to(place)(*tensors).displacement[0].float().cpu()
    progress("writing the field", 0.7)
    field = on_fixed(displacement, grid, fixed.grid, model.preprocessing.spacing_mm)
    start = DisplacementField(-field.array, field.affine)
    back = polished(start, field, place, steps=INVERSION_STEPS)
    folded = float((jacobian_determinant(field) <= 0).mean())
    limits = (f"the deformation folds at {folded:.2%} of the voxels",) if folded > 0 else ()
    return LearnedResult(
        transform=field if init is None else Composite([field, init]),
        inverse=back if init is None else Composite([init.inverse(), back]),
        folded_fraction=folded,
        limits=limits,
    )


def on_fixed(displacement: Tensor, grid: Grid, fixed: Grid, spacing_mm: float) -> DisplacementField:
    """Bring a prediction to RAS mm at the voxels of the fixed image.

    displacement: (axes, *spatial), voxels along the array axes of ``grid`` that have several. Fine
    voxels are joined up to ``spacing_mm``, since the prediction knows no more. Beyond ``grid`` the
    displacement of its border goes on.
    """
    columns = [2 - axis for axis, many in enumerate(_several(grid)) if many]
    world = np.tensordot(grid.affine[:3, columns], displacement.numpy(), 1).reshape(3, *grid.shape)
    vectors: NDArray[np.float32] = world.astype(np.float32)
    target = covering_grid(fixed, block_factors(fixed, spacing_mm))
    array = on_grid(lambda points: sample_vectors(vectors, grid.to_index(points)), target)
    return DisplacementField(array, target.affine)


def network_axes(network: nn.Module) -> int:
    """Axes of the images that a network takes."""
    return int(network.axes)  # type: ignore[arg-type]


def network_divisor(network: nn.Module) -> int:
    """What the sizes of its images are multiples of."""
    return int(network.divisor)  # type: ignore[arg-type]


def _several(grid: Grid) -> tuple[bool, ...]:
    """Which array axes (k, j, i) have more than one voxel."""
    return tuple(n > 1 for n in grid.shape)


def _require_memory(
    model: LoadedModel,
    fixed: Volume,
    grid: Grid,
    place: torch.device,
    max_memory_gb: float | None,
) -> None:
    """Raise InputError when a whole prediction would not fit."""
    if max_memory_gb is not None:
        available = max_memory_gb * GIB
    elif place.type == "cuda":
        available = float(torch.cuda.mem_get_info(place)[0])
    else:
        available = float(available_bytes())
    needed = prediction_bytes(torch_layers(model.network), [n for n in grid.shape if n > 1])
    if needed > available:
        size = " x ".join(str(n) for n in grid.shape[::-1])
        raise InputError(
            f"{fixed.name}: too little memory: {model.name} on {size} voxels needs about "
            f"{needed / GIB:.1f} GiB and {available / GIB:.1f} GiB are available; crop the image, "
            "or use a model of larger voxels"
        )


def prediction_bytes(network: nn.Module, shape: Sequence[int]) -> float:
    """About how much memory a prediction for images of ``shape`` takes, from its layers.

    Found on the smallest image that the network takes: all grows with the number of voxels.
    """
    largest = 0

    def note(_: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        nonlocal largest
        values = sum(one.numel() for one in (*inputs, output) if isinstance(one, Tensor))
        largest = max(largest, values)

    layers = [one for one in network.modules() if not list(one.children())]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    image = torch.zeros(1, 1, *[network_divisor(network)] * len(shape))
    try:
        with torch.inference_mode():
            network(image, image)
    finally:
        for hook in hooks:
            hook.remove()
    return WORKING_SHARE * largest * image.element_size() * math.prod(shape) / image.numel()
