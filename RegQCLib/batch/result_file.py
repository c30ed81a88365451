"""What a batch keeps of one pair, OUT/cases/ID/result.json, and whether it still holds.

Beside it lie the folders of the steps, ``thumbnail.png``, ``log.txt``, and ``case.json`` with
``decisions.json``, which Slicer's worklist reads. All appear at once, by a rename.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from RegQCLib import __version__
from RegQCLib.batch.case_folder import CaseFolder, file_stamp, write_json
from RegQCLib.batch.manifest import Case
from RegQCLib.batch.options import Options
from RegQCLib.batch.steps import Step, models, steps_of
from RegQCLib.errors import InputError
from RegQCLib.report.decisions import Decisions

CASES, PARTIAL = "cases", ".partial"
RESULT_FILE, LOG_FILE = "result.json", "log.txt"
SCHEMA_VERSION = "1.0"
DONE, FAILED = "done", "failed"


@dataclass
class Result:
    """Outcome of one pair.

    status: `DONE` or `FAILED`; reason: one line, of a failure. keys: of the steps, by name, see
    `Step.key`. stamps: path, sizes and dates of the inputs when their digests were taken.
    steps: of those that ended: key, columns, seconds, notes. repeat: a failure that another run may
    not have (memory, disk, a lost process).
    """

    id: str
    status: str = DONE
    reason: str = ""
    repeat: bool = False
    keys: dict[str, str] = field(default_factory=dict)
    stamps: dict[str, Any] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: float | None = None
    version: str = __version__
    models: dict[str, str] = field(default_factory=models)
    schema_version: str = SCHEMA_VERSION

    def to_dict(self) -> dict[str, Any]:
        """Content of the file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Result:
        """Read what `to_dict` returned. Raises TypeError or ValueError for anything else."""
        if content.get("schema_version") != SCHEMA_VERSION:
            raise ValueError("another version")
        return cls(**content)


def load_result(out: Path, name: str) -> Result | None:
    """Return what is kept of a pair, None where there is nothing, or it is damaged."""
    try:
        text = (out / CASES / name / RESULT_FILE).read_text(encoding="utf-8")
        return Result.from_dict(json.loads(text))
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def save_result(result: Result, folder: Path) -> None:
    """Write ``result.json`` into a case's folder. Raises InputError when it cannot."""
    write_json(result.to_dict(), folder / RESULT_FILE)


def input_stamps(inputs: Mapping[str, Path]) -> dict[str, Any]:
    """Path, sizes and dates of inputs by role; equal ones are taken for unchanged.

    Raises InputError naming the first that is missing.
    """
    for role, path in inputs.items():
        if not path.exists():
            raise InputError(f"{role.replace('_', ' ')} {path} does not exist; check the manifest")
    return {role: [str(path), file_stamp(path)] for role, path in inputs.items()}


def step_keys(steps: list[Step], digests: Mapping[str, str]) -> dict[str, str]:
    """Keys of steps by name; each holds that of the last one before it that made an input."""
    keys: dict[str, str] = {}
    earlier = ""
    for step in steps:
        keys[step.name] = step.key(digests, earlier)
        if step.makes:
            earlier = keys[step.name]
    return keys


def kept_result(
    out: Path, name: str, inputs: Mapping[str, Path], options: Options
) -> Result | None:
    """Return what is kept of a pair if nothing it depends on has changed, by dates of the files."""
    result = load_result(out, name)
    if result is None or result.repeat or not result.keys:
        return None
    try:
        if input_stamps(inputs) != result.stamps:
            return None
        steps = steps_of(options, inputs)
        same = step_keys(steps, result.digests) == result.keys
        return result if same and is_whole(out, result, steps) else None
    except (InputError, KeyError):
        return None


def is_whole(out: Path, result: Result, steps: Iterable[Step]) -> bool:
    """Whether what the steps left is there still; a power failure may leave empty files."""
    ended = [step for step in steps if step.name in result.steps]
    try:
        for step in ended:
            sizes = [f.stat().st_size for f in (out / CASES / result.id / step.subfolder).iterdir()]
            if not sizes or not all(sizes):
                return False
    except OSError:
        return False
    return True


@contextmanager
def new_case_folder(out: Path, name: str) -> Iterator[Path]:
    """Yield an empty folder that replaces OUT/cases/ID when the block ends, or goes if it raises.

    What people decided on an earlier result is not lost: its folder is put aside, see
    `CaseFolder.put_aside`. Where another process was faster, its folder stays.
    """
    workspace = out / PARTIAL / uuid4().hex
    folder, final = workspace / name, out / CASES / name
    folder.mkdir(parents=True)
    try:
        yield folder
        final.parent.mkdir(exist_ok=True)
        if final.exists():
            if _holds_decisions(out, name):
                CaseFolder(out / CASES, _case(name)).put_aside()
            else:
                final.rename(workspace / "old")
        with suppress(OSError):  # another process was faster: the same result
            folder.rename(final)
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def _holds_decisions(out: Path, name: str) -> bool:
    """Whether somebody worked on a case, on the review page or in Slicer."""
    folder = CaseFolder(out / CASES, _case(name))
    try:
        return folder.decided() != Decisions() or bool(folder.state().get("correction"))
    except InputError:  # damaged, but somebody's
        return True


def _case(name: str) -> Case:
    return Case(name, Path(), Path())
