"""A batch: the pairs of a manifest, each done once, with tables and a page at the end.

OUT holds ``batch.json`` (what was asked for), ``cases/ID`` (see `result_file`), ``results.csv``,
``results.parquet``, ``worklist.csv`` for Slicer, and ``review.html``. A run that was stopped, in
whatever way, goes on where it was.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from RegQCLib import __version__
from RegQCLib.batch.case_folder import CaseFolder, write_json
from RegQCLib.batch.local_pool import PATIENCE_S, LocalPool
from RegQCLib.batch.lock import LOCK_FILE, run_lock
from RegQCLib.batch.manifest import Case
from RegQCLib.batch.options import Options
from RegQCLib.batch.pairs import Pair, read_pairs
from RegQCLib.batch.result_file import CASES, PARTIAL, Result, kept_result
from RegQCLib.batch.review_page import write_review_page
from RegQCLib.batch.reviews import (
    REVIEWS_FILE,
    decision_columns,
    import_reviews,
    read_reviews,
)
from RegQCLib.batch.sizing import cores_of_workers
from RegQCLib.batch.slicer_case import save_worklist
from RegQCLib.batch.table import row_of, write_tables
from RegQCLib.batch.task import Task
from RegQCLib.errors import InputError
from RegQCLib.outputs import LITTER

BATCH_FILE = "batch.json"
SCHEMA_VERSION = "1.0"

Row = dict[str, Any]


class Pool(Protocol):
    """Whatever does tasks."""

    def results(self, tasks: Iterable[Task]) -> Generator[tuple[Task, Result], None, None]:
        """Yield each task with its result as it ends."""


def run(
    manifest: str | Path,
    out: str | Path,
    *,
    options: Options | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    root: str | Path | None = None,
    reviews: str | Path | None = None,
    waiting: Callable[[], Any] | None = None,
) -> Generator[Row, None, None]:
    """Do the pairs of a manifest; yields a row for each as it ends, see `table.COLUMNS`.

    What an earlier run left in ``out`` comes first and is not repeated. Tables and pages are
    written at the end, and when the iteration is left before.
    options: what to do, by default check. workers: processes on this machine, by default as many
    as cores and memory allow; scheduler: address of a Dask scheduler to use instead. root: what
    relative paths in the manifest begin at. reviews: a file saved by the review page, to take over;
    ``reviews.json`` in ``out`` always is. waiting: called some 20 times a second meanwhile; in
    Slicer's console ``slicer.app.processEvents`` keeps the windows alive.
    Raises InputError for a manifest, options or a folder that cannot be used, and RegQCError when
    no worker can be had; what is wrong with one pair is told in its row.
    """
    return Batch(manifest, out, options=options, root=root, reviews=reviews).results(
        workers=workers, scheduler=scheduler, waiting=waiting
    )


class Pause:
    """Calls what keeps windows alive some 20 times a second, however often it is asked."""

    def __init__(self, waiting: Callable[[], Any] | None) -> None:
        self._waiting, self._last = waiting, time.monotonic()

    def __call__(self) -> None:
        if self._waiting is not None and time.monotonic() > self._last + PATIENCE_S:
            self._waiting()
            self._last = time.monotonic()


class Batch:
    """Pairs and where their results go; arguments are those of `run`.

    decided: what became of decisions that were taken over, for people; "" without any. working:
    whether rows are of new work; those that an earlier run left come first.
    """

    def __init__(
        self,
        manifest: str | Path,
        out: str | Path,
        *,
        options: Options | None = None,
        root: str | Path | None = None,
        reviews: str | Path | None = None,
    ) -> None:
        self.options = options or Options()
        self.decided, self.working = "", False
        self._pause = Pause(None)
        self._reviews = None if reviews is None else Path(reviews).expanduser().absolute()
        if self._reviews is not None:
            read_reviews(self._reviews)  # what is wrong with it is told before the work
        self.manifest = Path(manifest).expanduser().absolute()
        found = read_pairs(self.manifest, root=root)
        self.pairs, self.columns = found.pairs, found.columns
        self.out = Path(out).expanduser().absolute()
        self._results: dict[str, Result] = {}
        _require_batch_folder(self.out)

    @property
    def rows(self) -> list[Row]:
        """All rows, in the order of the manifest, as far as they are known."""
        found = []
        for pair in self.pairs:
            self._pause()
            found.append(self._row(pair))
        return found

    def results(
        self,
        *,
        workers: int | None = None,
        scheduler: str | None = None,
        waiting: Callable[[], Any] | None = None,
    ) -> Generator[Row, None, None]:
        """Do what is left to do, see `run`."""
        self.out.mkdir(parents=True, exist_ok=True)
        self._pause = Pause(waiting)
        with run_lock(self.out):
            self._start()
            try:
                yield from self._known()
                left = {p.id: p for p in self.pairs if not p.problem and p.id not in self._results}
                if left:
                    self.working = True
                    pool = self._pool(left.values(), workers, scheduler, waiting)
                    with closing(pool.results(map(self._task, left.values()))) as outcomes:
                        for task, result in outcomes:
                            self._results[task.id] = result
                            yield self._row(left[task.id])
            finally:
                self._finish()

    def _start(self) -> None:
        shutil.rmtree(self.out / PARTIAL, ignore_errors=True)  # of a run that was killed
        asked = {"manifest": str(self.manifest), "options": self.options.to_dict()}
        content = {"schema_version": SCHEMA_VERSION, "regqc": __version__, **asked}
        write_json(content, self.out / BATCH_FILE)

    def _known(self) -> Iterator[Row]:
        """Rows that need no work: of bad rows, and of what is on disk and not known yet."""
        for pair in self.pairs:
            self._pause()
            if pair.id in self._results:
                continue
            if not pair.problem:
                kept = kept_result(self.out, pair.id, pair.inputs, self.options)
                if kept is None:
                    continue
                self._results[pair.id] = kept
            yield self._row(pair)

    def _pool(
        self,
        pairs: Iterable[Pair],
        workers: int | None,
        scheduler: str | None,
        waiting: Callable[[], Any] | None,
    ) -> Pool:
        if scheduler is not None:
            from RegQCLib.batch.dask_pool import DaskPool

            return DaskPool(scheduler, waiting=waiting)
        images = (tuple(pair.inputs.values()) for pair in pairs)
        options = self.options
        cores = cores_of_workers(
            workers,
            images,
            device=options.device,
            checks_alone=not (options.register or options.fix_slices),
        )
        return LocalPool(cores, waiting=waiting)

    def _task(self, pair: Pair) -> Task:
        inputs = {role: str(path) for role, path in pair.inputs.items()}
        return Task(pair.id, inputs, self.options.to_dict(), str(self.out))

    def _row(self, pair: Pair) -> Row:
        return row_of(pair, self._results.get(pair.id), self._decision(pair))

    def _decision(self, pair: Pair) -> Row | None:
        """What a reader decided, on the review page or in Slicer."""
        if pair.problem:
            return None
        folder = CaseFolder(self.out / CASES, Case(pair.id, Path(), Path()))
        try:
            return dict(decision_columns(folder.decided()))
        except InputError:  # damaged: it stays where it is, and counts for nothing
            return None

    def _finish(self) -> None:
        shutil.rmtree(self.out / PARTIAL, ignore_errors=True)
        for _row in self._known():  # a process may have ended a pair, and not yet said so
            pass
        self._take_over_reviews()
        rows = self.rows
        self._pause()
        write_tables(rows, self.columns, self.out)
        self._pause()
        write_review_page(rows, self.out, title=f"{self.manifest.stem}: {len(rows)} pairs")
        found = [self._results[pair.id] for pair in self.pairs if pair.id in self._results]
        save_worklist(self.out, found, self.options)

    def _take_over_reviews(self) -> None:
        """Put decisions made on the review page into the folders of their pairs."""
        store = self.out / REVIEWS_FILE
        file = self._reviews or (store if store.exists() else None)
        if file is None:
            return
        usable = [pair for pair in self.pairs if not pair.problem]
        rows = (self._row(pair) for pair in usable)
        self.decided = import_reviews(file, self.out, rows).summary()


def _require_batch_folder(out: Path) -> None:
    """Raise InputError unless ``out`` is missing, empty, or of an earlier run."""
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file, not a folder; choose another output folder")
    names = {entry.name for entry in out.iterdir()} if out.is_dir() else set()
    if names - LITTER - {LOCK_FILE} and BATCH_FILE not in names:
        raise InputError(f"{out}: holds files of something else than a batch; choose another")
