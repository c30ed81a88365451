"""Plans of compression, read from TOML files: steps that make new points out of earlier ones.

Every ``[[step]]`` has a ``do`` and its settings, a ``name``, and ``from``, the name of the point it
starts at: "original", or, when not given, the last step that made a network. ``[measure]`` and
``[choose]`` say how points are measured and which is chosen; ``[training]`` names the data of
registration networks. torch is not needed to read a plan.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from RegQCLib.errors import InputError
from RegQCLib.training.tables import from_table, require_not_negative, require_positive

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ORIGINAL = "original"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Prune:
    """The share of smallest weights, and biases unless told otherwise, becomes zero at once."""

    share: float = 0.25
    biases: bool = True


@dataclass(frozen=True)
class PruneGradually:
    """The share of zeros grows over training steps, see `pruning.PruningSchedule`."""

    share: float
    steps: int
    learning_rate: float
    power: float = 3.0
    every: int = 10

    def __post_init__(self) -> None:
        require_positive(self, "steps", "learning_rate", "power", "every")


@dataclass(frozen=True)
class FineTune:
    """Training goes on; what was pruned stays zero."""

    steps: int
    learning_rate: float

    def __post_init__(self) -> None:
        require_positive(self, "steps", "learning_rate")


@dataclass(frozen=True)
class PruneChannels:
    """A share of the channels of every layer goes; counts that stay are multiples."""

    share: float
    multiple: int = 8

    def __post_init__(self) -> None:
        require_positive(self, "multiple")


@dataclass(frozen=True)
class Distill:
    """Training on the original's answers; student: settings of a fresh network to train."""

    steps: int
    learning_rate: float
    own_share: float = 0.5
    student: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_positive(self, "steps", "learning_rate")


@dataclass(frozen=True)
class QuantizeWeights:
    """Weights are rounded to 8 or 4 bits; search: scales of least squared error."""

    bits: int = 8
    search: bool = False

    def __post_init__(self) -> None:
        _check_bits(self.bits)


@dataclass(frozen=True)
class QuantizeAware:
    """Training while weights, and activations unless 0 bits are given, are rounded."""

    steps: int
    learning_rate: float
    bits: int = 8
    activation_bits: int = 8
    calibration: int = 8

    def __post_init__(self) -> None:
        _check_bits(self.bits)
        require_positive(self, "steps", "learning_rate", "calibration")
        require_not_negative(self, "activation_bits")


@dataclass(frozen=True)
class Export:
    """The point in another form; calibration: batches that fix the ranges of 8-bit forms."""

    form: Literal["torch-bf16", "onnx", "onnx-int8", "openvino", "openvino-bf16", "openvino-int8"]
    calibration: int = 24

    def __post_init__(self) -> None:
        require_positive(self, "calibration")


KINDS: dict[str, type[Any]] = {
    "prune": Prune,
    "prune-gradually": PruneGradually,
    "fine-tune": FineTune,
    "prune-channels": PruneChannels,
    "distill": Distill,
    "quantize-weights": QuantizeWeights,
    "quantize-aware": QuantizeAware,
    "export": Export,
}


@dataclass(frozen=True)
class Step:
    """One step. parent: name of the point it starts at. settings: one of `KINDS`."""

    name: str
    do: str
    parent: str
    settings: Any

    @property
    def bits(self) -> int:
        """Of the stored weights."""
        stored = {"torch-bf16": 16, "onnx-int8": 8, "openvino-int8": 8}
        return int(getattr(self.settings, "bits", stored.get(self.form, 32)))

    @property
    def form(self) -> str:
        """In which the point is measured."""
        return str(getattr(self.settings, "form", "torch"))


@dataclass(frozen=True)
class Measure:
    """threads: processors for the latency. batch: of a call and of training. repeats: calls timed.

    pairs: of slices, unseen in training, that measure slice models.
    """

    threads: int = 2
    batch: int = 16
    repeats: int = 20
    pairs: int = 2000

    def __post_init__(self) -> None:
        require_positive(self, "threads", "batch", "repeats", "pairs")


@dataclass(frozen=True)
class Choose:
    """The fastest point that loses at most ``loss`` of the metric.

    bytes_share: largest size of its files, as a share of the original's parameters in float32.
    """

    loss: float = 0.005
    bytes_share: float = 1.0

    def __post_init__(self) -> None:
        require_not_negative(self, "loss")
        require_positive(self, "bytes_share")


@dataclass(frozen=True)
class Training:
    """config: file or shipped name, as of ``regqc train``. data: in place of its [data] path."""

    config: str = ""
    data: str = ""


@dataclass(frozen=True)
class Plan:
    """What to do with a model, and how to judge what comes out."""

    steps: tuple[Step, ...]
    measure: Measure = Measure()
    choose: Choose = Choose()
    training: Training = Training()


TABLES: dict[str, type[Any]] = {"measure": Measure, "choose": Choose, "training": Training}


def load_plan(path: str | Path) -> Plan:
    """Read a plan. Raises InputError, one line, for whatever is wrong with it."""
    file = Path(path)
    if not file.is_file():
        raise InputError(f"{path}: no such plan; write one as the documentation of --plan shows")
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: not a valid TOML file ({error})") from None
    unknown = sorted(set(values) - set(TABLES) - {"step"})
    if unknown:
        raise InputError(f"{file}: has no setting {unknown[0]!r}; known: step, {', '.join(TABLES)}")
    rows = values.get("step", [])
    if not isinstance(rows, list) or not rows:
        raise InputError(f"{file}: has no steps; a plan has at least one [[step]]")
    tables = {
        name: from_table(cls, values[name], f"{file}: [{name}]")
        for name, cls in TABLES.items()
        if name in values
    }
    return Plan(steps=_steps(file, rows), **tables)


def _check_bits(bits: int) -> None:
    if bits not in {4, 8}:
        raise InputError(f"bits of weights are 4 or 8, got {bits}")


def _steps(file: Path, rows: list[Any]) -> tuple[Step, ...]:
    steps: list[Step] = []
    networks, last = {ORIGINAL}, ORIGINAL
    for number, row in enumerate(rows, 1):
        where = f"{file}: step {number}"
        step = _step(where, row, last)
        if step.name in {ORIGINAL, *(one.name for one in steps)}:
            raise InputError(f"{where}: the name {step.name} is taken; give each step its own")
        if step.parent not in networks:
            known = ", ".join(sorted(networks))
            raise InputError(
                f"{where} ({step.name}): from is {step.parent!r}, which is no network of an "
                f"earlier step; known: {known}"
            )
        steps.append(step)
        if step.do != "export":
            networks.add(step.name)
            last = step.name
    return tuple(steps)


def _step(where: str, row: Any, last: str) -> Step:
    if not isinstance(row, Mapping):
        raise InputError(f"{where} must be a table")
    do = row.get("do")
    if do not in KINDS:
        raise InputError(f"{where}: do is one of {', '.join(KINDS)}, got {do!r}")
    name, parent = row.get("name", do), row.get("from", last)
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise InputError(f"{where}: a name has letters, digits and . _ - alone, got {name!r}")
    settings = {key: row[key] for key in row if key not in {"do", "name", "from"}}
    return Step(name, do, str(parent), from_table(KINDS[do], settings, f"{where} ({name}):"))
