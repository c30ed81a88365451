"""The engines as steps of a registration: what each one is given, and what it says of itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from RegQCLib.errors import InputError, MissingDependencyError
from RegQCLib.geometry.memory import available_bytes
from RegQCLib.geometry.resample import coverage
from RegQCLib.geometry.transforms import Affine, Transform, simplified
from RegQCLib.geometry.volume import Volume
from RegQCLib.hashing import sha256_of_model
from RegQCLib.progress import Progress
from RegQCLib.registration.networks.names import NETWORK_NAMES
from RegQCLib.registration.preprocess import as_weights

if TYPE_CHECKING:
    from RegQCLib.registration.networks.model_file import LoadedModel

START = "start"
DEFORMABLE = "deformable"
LINEAR_KINDS = ("rigid", "similarity", "affine")
KINDS = (*LINEAR_KINDS, DEFORMABLE, *NETWORK_NAMES)

LINEAR_COMPARES = (
    "points of the fixed body (or mask) and a margin around it, in blocks of voxels averaged from "
    "coarse to fine; intensities from percentile 0.5 to 99.5"
)
DEFORMABLE_COMPARES = (
    "the box around both bodies and 8 mm more; intensities of zero mean and unit variance; voxels "
    "averaged from coarse to fine; masks as weights"
)

LEARNED_COMPARES = "the fixed body on voxels of {spacing_mm:g} mm, intensities as in training"

ITERATIVE = ("region", "landmarks", "labels", "stiffness", "model")
"""Options that only an iterative deformation has a use for."""

GIB = 2**30

LEAST_OVERLAP = 0.02
"""Share of the fixed image that must meet the moving one for a deformation to make sense."""


@dataclass(frozen=True)
class Step:
    """A transform on the way from the start to the result.

    limits: what held it back, in words. metrics, history: what the engine says of it. compared:
    what the engine itself does to the images before it compares them.
    """

    name: str
    transform: Transform
    inverse: Transform
    limits: tuple[str, ...] = ()
    metrics: dict[str, Any] = field(default_factory=dict)
    history: Any = None
    compared: str = ""


@dataclass(frozen=True, eq=False)
class Order:
    """What the engines work on. fixed, moving: after preprocessing; None: not given.

    The last eight are for deformations alone; see `RegQCLib.registration.register.register`.
    """

    fixed: Volume
    moving: Volume
    fixed_mask: Volume | None = None
    moving_mask: Volume | None = None
    measure: str | None = None
    device: str = "auto"
    engine: str = "auto"
    seed: int = 0
    region: Volume | None = None
    landmarks: tuple[ArrayLike, ArrayLike] | None = None
    labels: tuple[Volume, Volume] | None = None
    stiffness: Volume | None = None
    model: str | None = None
    inverse_consistent: bool = False
    max_memory_gb: float | None = None
    weights: str | Path | None = None

    def require_kind(self, kind: str, init: Transform | None) -> None:
        """Raise InputError for an unknown kind, and for options or a start that do not fit it."""
        if kind not in KINDS:
            raise InputError(f"a registration is one of {', '.join(KINDS)}, got {kind!r}")
        learned, bends = kind in NETWORK_NAMES, kind not in LINEAR_KINDS
        if bends and self.engine == "SimpleITK":
            raise InputError(f"a {kind} registration needs the engine torch")
        useless = [] if kind == DEFORMABLE else [*ITERATIVE]
        useless += ["measure"] if learned else ["weights"]
        useless += [] if bends else ["max_memory_gb"]
        for name in useless:
            if getattr(self, name) is not None:
                what = name.replace("_gb", "").replace("_", " ")
                instead = "a learned one" if name == "weights" else f"a {DEFORMABLE} one"
                raise InputError(
                    f"a {kind} registration has no use for {what}; leave it out, or ask for "
                    f"{instead}"
                )
        if self.inverse_consistent and kind != DEFORMABLE:
            reason = "treats its images differently" if learned else "has an exact inverse anyway"
            raise InputError(f"a {kind} registration {reason}; leave that out")
        if bends:
            return
        if init is not None and not isinstance(simplified(init), Affine):
            raise InputError(
                f"a {kind} registration starts from a linear transform, and the given one bends; "
                "leave it out, or give its linear part"
            )


def load_engine(engine: str) -> None:
    """Import what the engines need, which takes seconds once: no part of a registration's time."""
    if engine != "SimpleITK" and find_spec("torch") is not None:
        import_module("torch")


def start(init: Transform | None) -> Step:
    """Where the images lie before anything is done."""
    transform = Affine.identity() if init is None else simplified(init)
    return Step(START, transform, transform.inverse())


def linear(order: Order, kind: Any, init: Affine | None, progress: Progress) -> Step:
    """Rigid, similarity or affine; searched for over large motions unless ``init`` is given."""
    from RegQCLib.registration.iterative.affine import register_affine

    measure: Any = order.measure or "mi"
    engine: Any = order.engine
    found = register_affine(
        order.fixed,
        order.moving,
        kind=kind,
        init=init,
        fixed_mask=order.fixed_mask,
        moving_mask=order.moving_mask,
        measure=measure,
        device=order.device,
        engine=engine,
        seed=order.seed,
        progress=progress,
    )
    limits = [f"{kind}: {text}" for text in (found.reason, found.note) if text]
    metrics = {
        "engine": found.engine,
        "measure": found.measure,
        "measure_start": found.value_start,
        "measure_end": found.value_end,
        "compared_share": found.overlap,
    }
    history = [asdict(level) for level in found.history]
    return Step(
        kind,
        found.transform,
        found.transform.inverse(),
        tuple(limits),
        metrics,
        history,
        LINEAR_COMPARES,
    )


def deformable(order: Order, init: Transform, progress: Progress) -> Step:
    """A deformation before ``init``.

    Raises InputError where the images do not meet, MissingDependencyError without torch.
    """
    _require_overlap(order, init)
    try:
        from RegQCLib.registration.iterative.deformable import register_deformable
    except ImportError as error:
        raise MissingDependencyError(
            "a deformable registration needs torch; run: pip install 'RegQC[torch]', or ask for an "
            "affine one"
        ) from error
    measure: Any = order.measure or "auto"
    model: Any = order.model or "displacement"
    fixed_labels, moving_labels = order.labels or (None, None)
    found = register_deformable(
        order.fixed,
        order.moving,
        init=init,
        fixed_weights=as_weights(order.fixed_mask, order.fixed),
        moving_weights=as_weights(order.moving_mask, order.moving),
        region=order.region,
        landmarks=order.landmarks,
        fixed_labels=fixed_labels,
        moving_labels=moving_labels,
        stiffness=order.stiffness,
        measure=measure,
        model=model,
        inverse_consistent=order.inverse_consistent,
        max_memory_gb=order.max_memory_gb or available_bytes() / GIB,
        device=order.device,
        seed=order.seed,
        progress=progress,
    )
    limits = tuple(f"{DEFORMABLE}: {text}" for text in found.limits)
    metrics = {
        "engine": "torch",
        "measure": measure,
        "start": found.start,
        "folded_voxel_share": found.folded_fraction,
    }
    history = [step._asdict() for step in found.history]
    return Step(
        DEFORMABLE,
        found.transform,
        found.inverse,
        limits,
        metrics,
        history,
        DEFORMABLE_COMPARES,
    )


def learned_model(order: Order, kind: str) -> LoadedModel | None:
    """Read the model of a learned kind and see that it suits the images; None for other kinds.

    Raises InputError as `load_for` and `require_fit`, MissingDependencyError without torch.
    """
    if kind not in NETWORK_NAMES:
        return None
    try:
        from RegQCLib.registration.learned import load_for, require_fit
    except ImportError as error:
        raise MissingDependencyError(
            f"a {kind} registration needs torch; run: pip install 'RegQC[torch]', or ask for an "
            "affine one"
        ) from error
    model = load_for(kind, order.weights)
    require_fit(model, order.fixed, order.moving)
    return model


def learned(order: Order, model: LoadedModel, init: Transform, progress: Progress) -> Step:
    """What a trained network makes of the images before ``init``.

    Raises InputError where the images do not meet, or do not fit into memory.
    """
    from RegQCLib.registration.learned import model_file, register_learned

    _require_overlap(order, init)
    found = register_learned(
        order.fixed,
        order.moving,
        model,
        init=init,
        max_memory_gb=order.max_memory_gb,
        device=order.device,
        progress=progress,
    )
    file = model_file(model.name, order.weights)
    metrics = {
        "engine": "openvino" if file.suffix == ".xml" else "torch",
        "network": model.name,
        "weights": file.name,
        "weights_sha256": sha256_of_model(file),
        "folded_voxel_share": found.folded_fraction,
    }
    return Step(
        model.name,
        found.transform,
        found.inverse,
        tuple(f"{model.name}: {text}" for text in found.limits),
        metrics,
        [],
        LEARNED_COMPARES.format(spacing_mm=model.preprocessing.spacing_mm),
    )


def _require_overlap(order: Order, init: Transform) -> None:
    if coverage(order.moving.grid, order.fixed.grid, init).mean() < LEAST_OVERLAP:
        raise InputError(
            f"{order.moving.name} does not overlap {order.fixed.name} where the deformation would "
            "start; align them first, with kind affine"
        )
