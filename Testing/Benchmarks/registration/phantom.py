"""A head with known anatomy at every point of space: 25 labels and any contrast.

Nothing is stored on a grid, so an image of the head as a transform moves it is rendered at T(x)
and interpolates nothing. RAS mm; the head lies about the origin and fits into 160 x 192 x 160 mm.

Structures are painted over one another; all that lie in pairs are functions of |R|, and smooth
waves make every person, and its two sides, different. The cortex is a ribbon of 3 mm along the
brain's surface and along sulci, which are the zero sheets of a band-limited random function.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from Testing.Benchmarks.registration.shapes import Ellipsoid, Tube, moved
from Testing.Benchmarks.registration.waves import Waves

FloatArray = NDArray[np.floating]

# (left label, right label): the same where a structure lies in the middle.
AIR = (0, 0)
SCALP, SKULL, CSF = (1, 1), (2, 2), (3, 3)
CORTEX, WHITE, LATERAL = (4, 5), (6, 7), (8, 9)
THIRD, FOURTH = (10, 10), (11, 11)
THALAMUS, CAUDATE, PUTAMEN, PALLIDUM = (12, 13), (14, 15), (16, 17), (18, 19)
HIPPOCAMPUS, AMYGDALA = (20, 21), (22, 23)
STEM, CEREBELLUM = (24, 24), (25, 25)
LABELS = 25
FIRST_BRAIN_LABEL = CORTEX[0]

HEAD = Ellipsoid((0, 0, 0), (67, 83, 68))
NOSE = Ellipsoid((0, 82, -20), (9, 11, 16))
SINUS = Ellipsoid((0, 60, -36), (14, 9, 12))
CRANIUM = Ellipsoid((0, 0, 5), (55, 71, 52))
CEREBRUM = Ellipsoid((0, 2, 7), (52, 66, 47))
CORE = Ellipsoid((0, 0, 5), (30, 38, 16))  # where the halves are joined
HIND = Ellipsoid((0, -38, -34), (38, 23, 18))

DEEP: tuple[tuple[tuple[int, int], Ellipsoid | Tube], ...] = (
    (STEM, Tube(((0, -14, -8, 10), (0, -16, -26, 12), (0, -24, -50, 7)))),
    (FOURTH, Ellipsoid((0, -29, -29), (6, 4.5, 8))),
    (THALAMUS, Ellipsoid((10, -12, 6), (8, 13, 8))),
    (CAUDATE, Tube(((13, 24, 4, 6), (15, 10, 13, 4.5), (19, -10, 17, 3), (22, -22, 12, 2.2)))),
    (PUTAMEN, Ellipsoid((25, 6, 0), (6, 16, 10))),
    (PALLIDUM, Ellipsoid((18, 2, -1), (5, 9, 6))),
    (AMYGDALA, Ellipsoid((23, 9, -17), (7, 7, 7))),
    (HIPPOCAMPUS, Tube(((24, -2, -17, 5), (27, -16, -14, 4.5), (24, -28, -4, 3.5)))),
    (THIRD, Ellipsoid((0, -4, 2), (2.2, 12, 9))),
    (
        LATERAL,
        Tube(
            (
                (10, 30, 8, 4.5),
                (9, 15, 16, 5),
                (12, -10, 20, 5),
                (18, -28, 14, 6),
                (28, -18, -3, 3.5),
                (31, -4, -11, 2),
            )
        ),
    ),
)

SCALP_MM, GAP_MM, RIBBON_MM = 6.0, 1.5, 3.0
SULCUS_MM, SULCUS_DEPTH_MM, SULCI_WAVELENGTH_MM = 0.9, 16.0, 26.0
PERSON_MM, PERSON_SCALE_MM, PERSON_SIZE = 1.5, 25.0, 0.04
TEXTURE_MM = 3.0  # SD of the smoothing that such texture would come from


@dataclass(frozen=True, eq=False)
class Phantom:
    """One person. size: factors along R, A and S; person: displacement that makes it unlike others.

    sulci: function whose zeros are sulci. texture: two functions of unit variance, for contrasts to
    mix. deep: structures inside the brain, in painting order.
    """

    size: NDArray[np.float64]
    person: Waves
    sulci: Waves
    texture: Waves
    deep: tuple[tuple[tuple[int, int], Ellipsoid | Tube], ...]

    @classmethod
    def draw(cls, seed: int) -> Phantom:
        """The person with this number."""
        rng = np.random.default_rng([seed, LABELS])
        person = Waves.smooth(rng, scale_mm=PERSON_SCALE_MM, count=24, components=3)
        return cls(
            size=rng.uniform(1 - PERSON_SIZE, 1 + PERSON_SIZE, 3),
            person=person.scaled(PERSON_MM),
            sulci=Waves.banded(rng, wavelength_mm=SULCI_WAVELENGTH_MM),
            texture=Waves.smooth(rng, scale_mm=TEXTURE_MM, count=32, components=2),
            deep=tuple((labels, moved(shape, rng)) for labels, shape in DEEP),
        )

    def layers(self, points: FloatArray) -> Iterator[tuple[tuple[int, int], FloatArray]]:
        """Yield labels (left, right) and signed distances (N,) at (N, 3) points, to be painted."""
        own = points / self.size.astype(points.dtype) + self.person(points)
        mirrored = own * np.array([0, 1, 1], dtype=own.dtype)
        mirrored[:, 0] = np.abs(own[:, 0])
        head, cranium = HEAD(own), CRANIUM(own)
        yield SCALP, np.minimum(head, NOSE(own))
        yield SKULL, head + SCALP_MM
        yield AIR, SINUS(own)
        yield CSF, cranium
        inner = cranium + GAP_MM
        pial = self._pial(own, inner)
        yield CORTEX, pial
        yield WHITE, pial + RIBBON_MM
        hind = np.maximum(HIND(mirrored), inner)
        yield CSF, hind - GAP_MM
        yield CEREBELLUM, hind
        for labels, shape in self.deep:
            yield labels, np.maximum(shape(mirrored), inner)

    def sides(self, points: FloatArray) -> NDArray[np.intp]:
        """0 left or 1 right at (N, 3) points, (N,)."""
        own = points[:, 0] / self.size[0].astype(points.dtype) + self.person(points)[:, 0]
        return (own > 0).astype(np.intp)

    def labels(self, points: FloatArray) -> NDArray[np.uint8]:
        """Label at (N, 3) RAS mm points, (N,)."""
        result = np.zeros(len(points), dtype=np.uint8)
        sides = self.sides(points)
        for labels, distance in self.layers(points):
            inside = distance < 0
            result[inside] = np.asarray(labels, dtype=np.uint8)[sides[inside]]
        return result

    def _pial(self, own: FloatArray, inner: FloatArray) -> FloatArray:
        """Distance to the cortex's outer surface; sulci and the gap between the halves cut it."""
        brain = np.maximum(CEREBRUM(own), inner)
        slope = np.linalg.norm(self.sulci.gradient(own)[:, 0], axis=-1)
        sheet = np.abs(self.sulci(own)[:, 0]) / np.maximum(slope, 1e-3) - SULCUS_MM
        sulcus = np.maximum(sheet, -brain - SULCUS_DEPTH_MM)
        fissure = np.maximum(np.abs(own[:, 0]) - SULCUS_MM, -CORE(own))
        return np.maximum(brain, -np.minimum(sulcus, fissure))
