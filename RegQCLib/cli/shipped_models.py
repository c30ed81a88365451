"""The model files in ``RegQCLib/weights``: what they are and whether they arrived unharmed.

``SHA256SUMS`` in that folder, in the format of ``sha256sum``, holds the digests to compare with.
A model ``NAME.*`` is described by its model card ``NAME.md``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"
SUMS = "SHA256SUMS"
NOT_MODELS = {".md", ".py", ".txt", ""}


@dataclass(frozen=True)
class ShippedModel:
    """One model file."""

    file: str  # its name in the weights folder
    size_bytes: int
    sha256: str
    card: str | None  # the name of its model card, None when it has none
    intact: bool | None  # whether the digest is the recorded one; None when none is recorded


def shipped_models(folder: Path = WEIGHTS) -> list[ShippedModel]:
    """List the model files in ``folder`` in order of name."""
    recorded = _recorded(folder / SUMS)
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    models = []
    for file in files:
        if not file.is_file() or file.suffix in NOT_MODELS:
            continue
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        card = file.with_suffix(".md")
        models.append(
            ShippedModel(
                file=file.name,
                size_bytes=file.stat().st_size,
                sha256=digest,
                card=card.name if card.exists() else None,
                intact=recorded[file.name] == digest if file.name in recorded else None,
            )
        )
    return models


def missing_models(folder: Path = WEIGHTS) -> list[str]:
    """Return the files that have a recorded digest but are not there."""
    return sorted(name for name in _recorded(folder / SUMS) if not (folder / name).is_file())


def _recorded(sums: Path) -> dict[str, str]:
    """Read ``digest  name`` lines into name -> digest."""
    if not sums.is_file():
        return {}
    lines = [line.split(maxsplit=1) for line in sums.read_text(encoding="utf-8").splitlines()]
    return {line[1].strip().lstrip("*"): line[0] for line in lines if len(line) == 2}
