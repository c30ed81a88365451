"""Losses by name, for commands and configuration files."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from RegQCLib.errors import InputError
from RegQCLib.similarity.losses.correlation_ratio import correlation_ratio
from RegQCLib.similarity.losses.lncc import lncc
from RegQCLib.similarity.losses.mind import mind
from RegQCLib.similarity.losses.mutual_information import (
    mutual_information,
    normalized_mutual_information,
)
from RegQCLib.similarity.losses.ncc import ncc
from RegQCLib.similarity.losses.ngf import ngf
from RegQCLib.similarity.losses.ssd import ssd

Loss = Callable[..., Tensor]
"""``loss(fixed, moving, *, weights=None, **options)``, a scalar to minimize."""

LOSSES: dict[str, Loss] = {
    "ssd": ssd,
    "ncc": ncc,
    "lncc": lncc,
    "mi": mutual_information,
    "nmi": normalized_mutual_information,
    "ngf": ngf,
    "mind": mind,
    "cr": correlation_ratio,
}


def loss_named(name: str) -> Loss:
    """Return the loss; raises InputError, with the names that exist, where there is none."""
    try:
        return LOSSES[name]
    except KeyError:
        raise InputError(
            f"there is no similarity measure named {name!r}; choose one of {', '.join(LOSSES)}"
        ) from None
