"""The engines as steps of a registration: what each one is given, and what it says of itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from numpy.typing import ArrayLike

from RegQCLib.errors import InputError, MissingDependencyError
from RegQCLib.geometry.memory import available_bytes
from RegQCLib.geometry.resample import coverage
from RegQCLib.geometry.transforms import Affine, Transform, simplified
from RegQCLib.geometry.volume import Volume
from RegQCLib.progress import Progress
from RegQCLib.registration.preprocess import as_weights

START = "start"
DEFORMABLE = "deformable"
LINEAR_KINDS = ("rigid", "similarity", "affine")
KINDS = (*LINEAR_KINDS, DEFORMABLE)

LINEAR_COMPARES = (
    "points of the fixed body (or mask) and a margin around it, in blocks of voxels averaged from "
    "coarse to fine; intensities from percentile 0.5 to 99.5"
)
DEFORMABLE_COMPARES = (
    "the box around both bodies and 8 mm more; intensities of zero mean and unit variance; voxels "
    "averaged from coarse to fine; masks as weights"
)

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

    The last seven are for deformations alone; see `RegQCLib.registration.register.register`.
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

    def require_kind(self, kind: str, init: Transform | None) -> None:
        """Raise InputError for an unknown kind, and for options or a start that do not fit it."""
        if kind not in KINDS:
            raise InputError(f"a registration is one of {', '.join(KINDS)}, got {kind!r}")
        if kind == DEFORMABLE:
            if self.engine == "SimpleITK":
                raise InputError("a deformable registration needs the engine torch")
            return
        for name in ("region", "landmarks", "labels", "stiffness", "model", "max_memory_gb"):
            if getattr(self, name) is not None:
                what = name.replace("_gb", "").replace("_", " ")
                raise InputError(
                    f"a {kind} registration has no use for {what}; leave it out, or ask for a "
                    f"{DEFORMABLE} one"
                )
        if self.inverse_consistent:
            raise InputError(f"a {kind} registration has an exact inverse anyway; leave that out")
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
    if coverage(order.moving.grid, order.fixed.grid, init).mean() < LEAST_OVERLAP:
        raise InputError(
            f"{order.moving.name} does not overlap {order.fixed.name} where the deformation would "
            "start; align them first, with kind affine"
        )
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
    metrics = {"engine": "torch", "measure": measure, "folded_voxel_share": found.folded_fraction}
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
