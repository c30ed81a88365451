"""What goes wrong while a network learns, in words that say what to change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from RegQCLib.errors import InputError
from RegQCLib.training.registration.config import OptimizationSettings

OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def diverged(step: int, settings: OptimizationSettings, saved: int) -> InputError:
    """The error of a loss that is no number. saved: step of the last checkpoint, 0 for none."""
    kept = f"the checkpoint of step {saved} is kept" if saved else "nothing was saved yet"
    limit = "" if settings.clip_norm else " or set clip_norm = 1"
    return InputError(
        f"step {step + 1}: the loss is not a finite number; lower [training] learning_rate "
        f"(now {settings.learning_rate:g}){limit} and start anew in another folder; {kept}"
    )


@contextmanager
def memory_told(
    step: int, settings: OptimizationSettings, shape: tuple[int, ...]
) -> Iterator[None]:
    """Turn a lack of memory inside the block into an InputError. shape: of the images."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _of_memory(error):
            raise
        advice = ["lower [preprocessing] size (or [data] size) or raise spacing_mm"]
        if settings.batch > 1:
            advice.insert(0, f"lower [training] batch (now {settings.batch})")
        if settings.precision == "32":
            advice.append("set precision = 'bf16'")
        raise InputError(
            f"step {step + 1}: out of memory with {settings.batch} pairs of "
            f"{' x '.join(map(str, shape))} voxels; {', or '.join(advice)}"
        ) from error


def _of_memory(error: BaseException) -> bool:
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return any(words in str(error).lower() for words in OUT_OF_MEMORY)
