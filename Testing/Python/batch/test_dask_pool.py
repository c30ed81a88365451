"""The same pairs on a Dask cluster: the same tables, whatever happens to workers."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest
from batch.support import QUICK, landmark_pairs, meddled, table

from RegQCLib.batch.running import run
from RegQCLib.batch.table import TIME_COLUMNS
from RegQCLib.errors import InputError

distributed = pytest.importorskip("distributed")
PATIENCE_S = 240


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """Two workers, whose pairs take a while."""
    meddled(monkeypatch, tmp_path, sleep_s=0.3)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=str(tmp_path)
    ) as cluster:
        yield cluster


def without_times(out):
    return [{k: v for k, v in row.items() if k not in TIME_COLUMNS} for row in table(out)]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_worker_costs_nothing(tmp_path, cluster):
    manifest, here, there = landmark_pairs(tmp_path / "in", 8), tmp_path / "a", tmp_path / "b"
    rows = []
    for row in run(manifest, there, options=QUICK, scheduler=cluster.scheduler_address):
        if not rows:
            os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
        rows.append(row)
    list(run(manifest, here, options=QUICK, workers=1))
    assert [row["status"] for row in rows] == ["done"] * 8
    assert without_times(there) == without_times(here)


def test_what_is_left_is_called_off(tmp_path, cluster):
    manifest = landmark_pairs(tmp_path / "in", 30)
    rows = run(manifest, tmp_path / "out", options=QUICK, scheduler=cluster.scheduler_address)
    next(rows)
    rows.close()
    end = time.monotonic() + PATIENCE_S
    while cluster.scheduler.tasks:
        assert time.monotonic() < end
        time.sleep(0.05)
    states = [row["status"] for row in table(tmp_path / "out")]
    assert 0 < states.count("done") < 30


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "gone.json", "nonsense://x"])
def test_schedulers_that_do_not_answer_are_named(tmp_path, monkeypatch, address):
    monkeypatch.setattr("RegQCLib.batch.dask_pool.CONNECT_S", 0.5)
    with pytest.raises(InputError, match=f"{address}: no Dask scheduler answers"):
        list(run(landmark_pairs(tmp_path, 1), tmp_path / "out", options=QUICK, scheduler=address))
