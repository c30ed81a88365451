"""How bright tissues are: like T1, like T2, or drawn at random. Air is 0, the brightest about 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from Testing.Benchmarks.registration import phantom as head

T1, T2, RANDOM = "T1", "T2", "random"
NAMES = (T1, T2, RANDOM)

TISSUES: tuple[tuple[tuple[int, int], float, float], ...] = (  # labels, T1, T2
    (head.SCALP, 0.85, 0.55),
    (head.SKULL, 0.12, 0.08),
    (head.CSF, 0.15, 1.00),
    (head.CORTEX, 0.55, 0.60),
    (head.WHITE, 0.85, 0.38),
    (head.LATERAL, 0.15, 1.00),
    (head.THIRD, 0.15, 1.00),
    (head.FOURTH, 0.15, 1.00),
    (head.THALAMUS, 0.66, 0.48),
    (head.CAUDATE, 0.57, 0.53),
    (head.PUTAMEN, 0.60, 0.48),
    (head.PALLIDUM, 0.74, 0.30),
    (head.HIPPOCAMPUS, 0.54, 0.62),
    (head.AMYGDALA, 0.55, 0.58),
    (head.STEM, 0.79, 0.43),
    (head.CEREBELLUM, 0.63, 0.52),
)
FLUIDS = (head.LATERAL, head.THIRD, head.FOURTH)  # as bright as the CSF, whatever the contrast

TEXTURE = 0.03  # SD inside tissues
# How much of the phantom's two textures a contrast shows: T1 and T2 share part of it, inverted.
MIXTURES = {T1: (1.0, 0.0), T2: (-0.6, 0.8)}
MIN_GAP = 0.15  # of cortex to white matter and to CSF in a random contrast


@dataclass(frozen=True, eq=False)
class Contrast:
    """tissue: brightness by label, (26,). mixture: weights of the phantom's two textures."""

    name: str
    tissue: NDArray[np.float32]
    mixture: NDArray[np.float32]


def contrast(name: str, rng: np.random.Generator) -> Contrast:
    """One of `NAMES`; only the random one draws from ``rng``."""
    if name == RANDOM:
        return _random(rng)
    column = 1 + (T1, T2).index(name)
    tissue = _by_label({row[0]: float(row[column]) for row in TISSUES})
    return Contrast(name, tissue, TEXTURE * np.asarray(MIXTURES[name], dtype=np.float32))


def _random(rng: np.random.Generator) -> Contrast:
    while True:
        values = {labels: float(rng.uniform(0.08, 1)) for labels, *_ in TISSUES}
        values.update(dict.fromkeys(FLUIDS, values[head.CSF]))
        ribbon = values[head.CORTEX]
        others = np.array([values[head.WHITE], values[head.CSF]])
        if np.abs(others - ribbon).min() > MIN_GAP:
            break
    angle = rng.uniform(0, 2 * np.pi)
    mixture = np.array([np.cos(angle), np.sin(angle)], dtype=np.float32)
    return Contrast(RANDOM, _by_label(values), TEXTURE * mixture)


def _by_label(values: dict[tuple[int, int], float]) -> NDArray[np.float32]:
    tissue = np.zeros(head.LABELS + 1, dtype=np.float32)
    for labels, value in values.items():
        tissue[list(labels)] = value
    return tissue
