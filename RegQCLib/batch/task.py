"""Doing one pair, in whatever process: from the manifest's row to a complete folder on disk."""

from __future__ import annotations

import logging
import math
import platform
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from RegQCLib import __version__
from RegQCLib.batch.options import Options
from RegQCLib.batch.result_file import (
    CASES,
    FAILED,
    LOG_FILE,
    Result,
    input_stamps,
    is_whole,
    load_result,
    new_case_folder,
    save_result,
    step_keys,
)
from RegQCLib.batch.slicer_case import save_case
from RegQCLib.batch.steps import Step, Work, steps_of
from RegQCLib.errors import InputError, MissingDependencyError, RegQCError
from RegQCLib.hashing import sha256_of

_one_at_a_time = threading.Lock()
"""A Dask worker may have several threads; notes and logs belong to one pair."""

RELEASE_EVERY_S = 10.0

logger = logging.getLogger("RegQCLib.batch")


@dataclass(frozen=True)
class Task:
    """A pair to do. inputs: absolute paths by role. out: of the whole batch."""

    id: str
    inputs: Mapping[str, str]
    options: Mapping[str, Any]
    out: str

    @property
    def paths(self) -> dict[str, Path]:
        """Inputs as paths."""
        return {role: Path(path) for role, path in self.inputs.items()}


@dataclass
class _Pair:
    """A task while it is done. folder: new; earlier: what is known from before."""

    task: Task
    folder: Path
    result: Result
    earlier: Result | None
    options: Options


def run_pair(task: Task) -> Result:
    """Do a pair and write its folder; never raises for what is wrong with the pair itself.

    A result that is on disk already, of the very same inputs and options, is returned as it is.
    """
    with _one_at_a_time:
        started = time.perf_counter()
        out, options = Path(task.out), Options.from_dict(task.options)
        result, earlier = Result(task.id), load_result(out, task.id)
        problem = _identify(task, options, result)
        try:
            if earlier is not None and not problem and _is_same(earlier, result, task, options):
                earlier.stamps = result.stamps
                save_result(earlier, out / CASES / task.id)
                return earlier
            with new_case_folder(out, task.id) as folder, _logging_to(folder / LOG_FILE):
                _attempt(_Pair(task, folder, result, earlier, options), problem)
                result.seconds = round(time.perf_counter() - started, 3)
                save_case(folder, result, options)
                save_result(result, folder)
        except (OSError, RegQCError) as error:  # the folder could not be written
            fail(result, error)
        finally:
            _release()
        return result


def _identify(task: Task, options: Options, result: Result) -> BaseException | None:
    """Fill in stamps, digests and keys; returns why that is not possible."""
    try:
        steps = steps_of(options, task.inputs)
        result.stamps = input_stamps(task.paths)
        result.digests = {role: sha256_of(path) for role, path in task.paths.items()}
        result.keys = step_keys(steps, result.digests)
    except (OSError, InputError) as error:
        return error
    return None


def _is_same(earlier: Result, result: Result, task: Task, options: Options) -> bool:
    same = not earlier.repeat and earlier.keys == result.keys
    return same and is_whole(Path(task.out), earlier, steps_of(options, task.inputs))


def _attempt(pair: _Pair, problem: BaseException | None) -> None:
    """Do the steps; what fails is recorded."""
    work = Work(pair.task.paths, pair.folder, pair.options)
    logger.info("pair %s, RegQC %s, on %s", pair.task.id, __version__, platform.node())
    for role, path in pair.task.inputs.items():
        logger.info("%s: %s", role.replace("_", " "), path)
    try:
        if problem is not None:
            raise problem
        for step in steps_of(pair.options, pair.task.inputs):
            if not _taken_over(pair, step):
                _do(pair, step, work)
            work.made |= step.makes
    except Exception as error:  # noqa: BLE001 - one pair's fault must not stop the others
        fail(pair.result, error)


def _taken_over(pair: _Pair, step: Step) -> bool:
    """Copy what a step left before, if it would do the same now."""
    known = None if pair.earlier is None else pair.earlier.steps.get(step.name)
    if pair.earlier is None or known is None or known["key"] != pair.result.keys[step.name]:
        return False
    if not is_whole(Path(pair.task.out), pair.earlier, [step]):
        return False
    old = Path(pair.task.out) / CASES / pair.task.id
    try:
        shutil.copytree(old / step.subfolder, pair.folder / step.subfolder)
        for name in step.beside:
            shutil.copy2(old / name, pair.folder / name)
    except OSError:
        shutil.rmtree(pair.folder / step.subfolder, ignore_errors=True)
        return False
    logger.info("%s: taken over, nothing it depends on has changed", step.name)
    pair.result.steps[step.name] = known
    return True


def _do(pair: _Pair, step: Step, work: Work) -> None:
    from RegQCLib.notes import collected_notes

    logger.info("%s: started", step.name)
    started = time.perf_counter()
    with collected_notes() as notes:
        columns = step.run(work, notes)
    seconds = round(time.perf_counter() - started, 3)
    logger.info("%s: done after %.1f s", step.name, seconds)
    for note in dict.fromkeys((*notes, columns.get("reason"))):
        if note:
            logger.info("%s: %s", step.name, note)
    pair.result.steps[step.name] = {
        "key": pair.result.keys[step.name],
        "columns": columns,
        "seconds": seconds,
        "notes": list(dict.fromkeys(notes)),
    }


def fail(result: Result, error: BaseException) -> None:
    """Record and log why a pair has no result."""
    result.status, result.reason = FAILED, reason_of(error)
    known = isinstance(error, RegQCError) and not isinstance(error, MissingDependencyError)
    result.repeat = not known
    logger.error(result.reason, exc_info=None if known else error)


def reason_of(error: BaseException) -> str:
    """What is wrong, in one line."""
    if isinstance(error, MemoryError):
        text = "not enough memory for this pair; crop or downsample the images, or use less workers"
    elif isinstance(error, RegQCError):
        text = str(error)
    elif isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    else:
        where = traceback.extract_tb(error.__traceback__)
        place = f" ({Path(where[-1].filename).name}, line {where[-1].lineno})" if where else ""
        text = f"internal error: {type(error).__name__}: {error}{place}; see {LOG_FILE}"
    return " ".join(text.split())


@contextmanager
def _logging_to(file: Path) -> Iterator[None]:
    """Write what RegQC logs to a file while the block runs."""
    handler = logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger("RegQCLib")
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        handler.close()


class _Release:
    """Gives memory back, so that it stays flat over thousands of pairs.

    Not after every small pair: looking for garbage takes 50 ms, whatever was done before.
    """

    def __init__(self) -> None:
        self._last = -math.inf

    def __call__(self) -> None:
        from RegQCLib.geometry.memory import release_unused

        if time.monotonic() < self._last + RELEASE_EVERY_S:
            return
        release_unused()
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_initialized():
            torch.cuda.empty_cache()  # other processes share the GPU
        self._last = time.monotonic()


_release = _Release()
