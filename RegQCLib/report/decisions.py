"""What a reader decided about a pair and its slices, and the seal that shows later changes.

The seal is a SHA-256 digest of the decisions and of the check they were made on: it shows that
either was changed since somebody signed. It does not prove who signed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

from RegQCLib.errors import InputError
from RegQCLib.geometry.atomic_file import atomic_file
from RegQCLib.geometry.grid import PLANE_NAMES

SCHEMA_VERSION = "1.0"
DECISIONS = ("accepted", "rejected")
SIGNATURES = {
    "unsigned": "not signed",
    "valid": "signed",
    "changed": "changed since it was signed; sign again",
}
"""States of `Decisions.signature`, and in words."""


@dataclass(frozen=True)
class SliceDecision:
    """A reader's word on one slice of the fixed grid.

    plane, index, position_mm: as in ``report.json``. decision: "accepted" or "rejected".
    time: ISO 8601, UTC. Raises ValueError for another plane or decision.
    """

    plane: str
    index: int
    position_mm: float
    decision: str
    reason: str = ""
    comment: str = ""
    reviewer: str = ""
    time: str = ""

    def __post_init__(self) -> None:
        if self.plane not in PLANE_NAMES:
            raise ValueError(f"a plane is one of {', '.join(PLANE_NAMES)}, got {self.plane!r}")
        _require_decision(self.decision)

    @property
    def place(self) -> tuple[str, int]:
        """What tells one slice from another."""
        return self.plane, self.index


@dataclass(frozen=True)
class CaseDecision:
    """A reader's word on the whole pair. seal: empty until it is signed."""

    decision: str
    reason: str = ""
    comment: str = ""
    reviewer: str = ""
    time: str = ""
    seal: str = ""

    def __post_init__(self) -> None:
        _require_decision(self.decision)


@dataclass(frozen=True)
class Decisions:
    """All that was decided about one check. slices: at most one decision each, in order."""

    slices: tuple[SliceDecision, ...] = ()
    case: CaseDecision | None = None

    def __post_init__(self) -> None:
        kept = {one.place: one for one in self.slices}
        ordered = sorted(kept.values(), key=lambda one: (PLANE_NAMES.index(one.plane), one.index))
        object.__setattr__(self, "slices", tuple(ordered))

    @cached_property
    def by_place(self) -> dict[tuple[str, int], SliceDecision]:
        """Decisions by plane and index."""
        return {one.place: one for one in self.slices}

    def with_slices(self, decided: Iterable[SliceDecision]) -> Decisions:
        """Add decisions; earlier ones on the same slices are replaced."""
        return replace(self, slices=(*self.slices, *decided))

    def without_slices(self, places: Iterable[tuple[str, int]]) -> Decisions:
        """Take decisions back."""
        gone = set(places)
        return replace(self, slices=tuple(one for one in self.slices if one.place not in gone))

    def signed(self, case: CaseDecision, report: Mapping[str, Any]) -> Decisions:
        """Decide on the pair and seal everything together with the check's ``report``.

        Raises InputError when nobody is named as the reviewer.
        """
        if not case.reviewer.strip():
            raise InputError("a report is signed by a person; write the reviewer's name first")
        sealed = replace(case, seal=self._seal(case, report))
        return replace(self, case=sealed)

    def signature(self, report: Mapping[str, Any] | None) -> str:
        """Return "unsigned", "valid", or "changed": what is sealed, or the check, is another."""
        if self.case is None or not self.case.seal:
            return "unsigned"
        if report is None or self.case.seal != self._seal(self.case, report):
            return "changed"
        return "valid"

    def _seal(self, case: CaseDecision, report: Mapping[str, Any]) -> str:
        return _digest(
            {
                "report": _digest(report),
                "case": asdict(replace(case, seal="")),
                "slices": [asdict(one) for one in self.slices],
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Content of ``decisions.json``."""
        return {
            "schema_version": SCHEMA_VERSION,
            "case": None if self.case is None else asdict(self.case),
            "slices": [asdict(one) for one in self.slices],
        }

    def to_json(self) -> str:
        """Text of ``decisions.json``."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, *, source: str = "the decisions") -> Decisions:
        """Read what `to_json` wrote.

        Raises InputError, naming ``source``, for anything else.
        """
        try:
            content = json.loads(text)
            if content["schema_version"] != SCHEMA_VERSION:
                raise InputError(
                    f"{source}: has version {content['schema_version']}, this RegQC reads "
                    f"{SCHEMA_VERSION}; update RegQC"
                )
            case = content["case"]
            return cls(
                tuple(SliceDecision(**one) for one in content["slices"]),
                None if case is None else CaseDecision(**case),
            )
        except InputError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(
                f"{source}: holds no decisions of RegQC, or is damaged; move it away to decide anew"
            ) from error


def load_decisions(path: str | Path) -> Decisions:
    """Read ``decisions.json``. Raises InputError when it is missing or damaged."""
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{file}: no such file; check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read as text; check the file") from error
    return Decisions.from_json(text, source=str(file))


def save_decisions(decisions: Decisions, path: str | Path) -> None:
    """Write ``decisions.json``, complete or not at all. Raises InputError when it cannot."""
    with atomic_file(path) as temporary:
        temporary.write_text(decisions.to_json(), encoding="utf-8", newline="\n")


def utc_now() -> str:
    """Return the time as decisions hold it: ISO 8601, UTC, seconds."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def time_text(time: str) -> str:
    """Return a decision's time for people; other text stays as it is."""
    return f"{time[:10]} {time[11:16]} UTC" if time.endswith("Z") and len(time) == 20 else time


def _digest(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _require_decision(decision: str) -> None:
    if decision not in DECISIONS:
        raise ValueError(f"a decision is one of {', '.join(DECISIONS)}, got {decision!r}")
