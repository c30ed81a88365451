"""Digests of input files, which say whether a result is still about them."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from pathlib import Path

BLOCK_BYTES = 1 << 20


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, or of all files of a folder in order of name."""
    steps = sha256_steps(path)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return str(end.value)


def sha256_of_model(path: Path) -> str:
    """Return the SHA-256 of what holds the weights of a model: of an .xml, the .bin beside it."""
    return sha256_of(path.with_suffix(".bin") if path.suffix == ".xml" else path)


def sha256_steps(path: Path) -> Generator[int, None, str]:
    """Do what `sha256_of` does, in short steps; yields how many bytes were read at each."""
    digest = hashlib.sha256()
    files = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(BLOCK_BYTES):
                digest.update(block)
                yield len(block)
    return digest.hexdigest()
