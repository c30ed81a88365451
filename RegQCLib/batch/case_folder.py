"""What is kept on disk of a case: so that nothing is computed or decided twice.

OUTPUT/ID/ holds ``case.json`` (which inputs and options, and a row for the summary), ``check/`` (as
``regqc check`` writes it), ``decisions.json`` and whatever else a program keeps there. A state
belongs to the very bytes of its inputs: with others it is put aside, not used.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Generator, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from RegQCLib import __version__
from RegQCLib.batch.case_decision import joined
from RegQCLib.batch.manifest import Case
from RegQCLib.errors import InputError
from RegQCLib.geometry.atomic_file import atomic_file
from RegQCLib.hashing import sha256_steps
from RegQCLib.report.case_csv import case_csv, case_row
from RegQCLib.report.decisions import (
    CaseDecision,
    Decisions,
    load_decisions,
    save_decisions,
    time_text,
    utc_now,
)

STATE_FILE, DECISIONS_FILE, CHECK_FOLDER = "case.json", "decisions.json", "check"
HASHES_FILE, SUMMARY_FILE = ".hashes.json", "summary.csv"
SCHEMA_VERSION = "1.0"
WITHDRAWN = "withdrawn"
"""In ``case.json``: when the decision was taken back. A review from before does not bring it back.
"""

logger = logging.getLogger("RegQCLib.batch")

_opened: dict[Path, CaseDecision] = {}
"""Decisions that this process began from, by folder, see `CaseFolder.decisions`."""


class CaseFolder:
    """The folder of one case. output: of the whole worklist; made when something is written."""

    def __init__(self, output: str | Path, case: Case) -> None:
        self.case = case
        self.output = Path(output).expanduser().absolute()
        self.path = self.output / case.id

    @property
    def check(self) -> Path:
        """Where the result of the check lies."""
        return self.path / CHECK_FOLDER

    def state(self) -> dict[str, Any]:
        """Content of ``case.json``; empty where there is none, or it is damaged."""
        try:
            state = json.loads((self.path / STATE_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return state if isinstance(state, dict) else {}

    def decided(self) -> Decisions:
        """What is decided on disk now. Raises InputError when the file is damaged."""
        file = self.path / DECISIONS_FILE
        return load_decisions(file) if file.exists() else Decisions()

    def decisions(self) -> Decisions:
        """What was decided, to go on with; by it `save` can tell what others changed meanwhile.

        Raises InputError when the file is damaged.
        """
        found = self.decided()
        self._begin_from(found.case)
        return found

    def row(self) -> dict[str, Any]:
        """The case as a row of the summary, from ``case.json`` alone."""
        return {**case_row(self.case.id, None, Decisions()), **self.state().get("row", {})}

    def is_current(self, key: Mapping[str, Any]) -> bool:
        """Whether what is on disk was made from ``key``, see `input_key`."""
        return bool(self.state().get("key") == key)

    def put_aside(self) -> Path | None:
        """Rename a folder whose inputs are others now; returns where it went, None without one."""
        if not self.path.exists():
            return None
        number = 1
        while (aside := self.path.with_name(f"{self.path.name}.old{number}")).exists():
            number += 1
        try:
            self.path.rename(aside)
        except OSError as error:
            raise _unwritable(self.path, error) from error
        return aside

    def save(
        self,
        key: Mapping[str, Any],
        report: Mapping[str, Any] | None,
        decisions: Decisions,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        """Write ``decisions.json`` and ``case.json``. extra: what else the latter holds.

        A newer decision on the case that others put there since `decisions` was read stays.
        Raises InputError when the folder cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(self.path, error) from error
        counting = self._counting(decisions)
        save_decisions(counting, self.path / DECISIONS_FILE)
        withdrawn = self._withdrawn(counting)
        state = {
            "schema_version": SCHEMA_VERSION,
            "id": self.case.id,
            "key": key,
            "row": case_row(self.case.id, report, counting),
            **({WITHDRAWN: withdrawn} if withdrawn else {}),
            **(extra or {}),
        }
        write_json(state, self.path / STATE_FILE)
        self._begin_from(decisions.case)

    def _begin_from(self, case: CaseDecision | None) -> None:
        if case is None:
            _opened.pop(self.path, None)
        else:
            _opened[self.path] = case

    def _counting(self, ours: Decisions) -> Decisions:
        """Return what to write: ``ours``, but for a newer decision on the case."""
        try:
            there = self.decided().case
        except InputError:  # damaged: whoever opened the case was told
            return ours
        case = joined(ours.case, _opened.get(self.path), there)
        if case is not None and case != ours.case:
            logger.warning(
                "%s: %s by %s, %s, is newer than what is open here and stays; open the case again",
                self.case.id, case.decision, case.reviewer or "somebody", time_text(case.time),
            )  # fmt: skip
        return replace(ours, case=case)

    def _withdrawn(self, counting: Decisions) -> str:
        """Return when the decision on the case was taken back, "" if it was not."""
        if counting.case is not None:
            return ""
        return utc_now() if self.path in _opened else str(self.state().get(WITHDRAWN, ""))


def input_key(case: Case, output: str | Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a result depends on: digests of the inputs, options, the version of RegQC.

    Digests are remembered in ``output`` with size and date of the files. Raises InputError for an
    input that cannot be read.
    """
    steps = input_key_steps(case, output, options)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return dict(end.value)


def input_key_steps(
    case: Case, output: str | Path, options: Mapping[str, Any]
) -> Generator[float, None, dict[str, Any]]:
    """Do what `input_key` does, in short steps; yields the fraction done."""
    file = Path(output).expanduser() / HASHES_FILE
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    inputs = case.inputs
    stamps = {path: file_stamp(path) for path in inputs.values()}
    new = [path for path, stamp in stamps.items() if known.get(str(path), {}).get("stamp") != stamp]
    total, done = sum(size for path in new for size, _date in stamps[path]), 0
    for path in new:
        done, digest = yield from _digest_steps(path, done, total)
        known[str(path)] = {"stamp": stamps[path], "sha256": digest}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(file.parent, error) from error
    write_json(known, file)
    digests = {role: known[str(path)]["sha256"] for role, path in inputs.items()}
    return {"inputs": digests, "options": dict(options), "regqc": __version__}


def save_summary(output: str | Path, cases: Iterable[Case]) -> Path:
    """Write ``summary.csv``, a row a case in order of the worklist; returns its path."""
    folder = Path(output).expanduser()
    text = case_csv(CaseFolder(folder, case).row() for case in cases)
    with atomic_file(folder / SUMMARY_FILE) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return folder / SUMMARY_FILE


def write_json(content: Mapping[str, Any], path: Path) -> None:
    """Write a JSON file, complete or not at all."""
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    with atomic_file(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8", newline="\n")


def file_stamp(path: Path) -> list[list[int]]:
    """Return size and date of a file, or of all files of a folder.

    Raises InputError when it cannot be read.
    """
    try:
        files = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
        return [[file.stat().st_size, file.stat().st_mtime_ns] for file in files]
    except OSError as error:
        raise _unreadable(path, error) from error


def _digest_steps(path: Path, done: int, total: int) -> Generator[float, None, tuple[int, str]]:
    """Return how many of ``total`` bytes are read now, ``done`` of them before, and the digest."""
    steps = sha256_steps(path)
    while True:
        try:
            done += next(steps)
        except StopIteration as end:
            return done, end.value
        except OSError as error:
            raise _unreadable(path, error) from error
        yield done / total


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(f"{path}: cannot be read ({error.strerror}); check it")


def _unwritable(folder: Path, error: OSError) -> InputError:
    return InputError(f"{folder}: cannot be written ({error.strerror}); choose another folder")
