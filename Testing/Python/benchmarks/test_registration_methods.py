"""Child processes are measured, and what they leave is read as the transform it is."""

import json
import sys
import textwrap

import numpy as np
import pytest

from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.image_io import load_volume
from RegQCLib.geometry.transform_io import save_transform
from RegQCLib.geometry.transforms import Affine, to_displacement
from RegQCLib.geometry.volume import Volume
from Testing.Benchmarks.registration import peers
from Testing.Benchmarks.registration.cases import Case
from Testing.Benchmarks.registration.processes import run_measured

TRUTH = Affine.rigid((3, -4, 5), (2, 3, -1))


def measured(code, *, limit_s=30.0, threads=1):
    return run_measured([sys.executable, "-c", code], threads=threads, limit_s=limit_s)


def test_memory_is_the_childs_own_peak():
    here = b"x" * 300_000_000  # must not count
    found = measured("import time; big = b'x' * 150_000_000; del big; time.sleep(0.1)")
    assert len(here) == 300_000_000
    assert 0.15 < found.peak_gb < 0.2
    assert found.code == 0


def test_cpu_and_wall_time_are_told_apart():
    code = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n"
    found = measured(code + "time.sleep(0.3)")
    assert found.cpu_s >= 0.3
    assert found.wall_s > 0.6
    assert found.wall_s > found.cpu_s + 0.25  # it slept for 0.3 s


def test_threads_and_passive_waiting_are_set():
    names = ("OMP_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "OMP_WAIT_POLICY")
    found = measured(f"import os; print([os.environ[n] for n in {names}])", threads=3)
    assert found.tail.strip() == "['3', '3', 'PASSIVE']"


def test_a_command_that_takes_too_long_is_stopped_with_its_children():
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True)\nchild.wait()"
    )
    found = measured(code, limit_s=1.0)
    assert found.timed_out
    assert found.code < 0
    assert found.wall_s < 20
    with pytest.raises(ProcessLookupError):
        _wait_until_gone(int(found.tail))


def _wait_until_gone(pid):
    import os
    import time
    from pathlib import Path

    for _ in range(100):
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat")
        if status.exists() and status.read_text().split()[2] == "Z":
            raise ProcessLookupError  # dead; its new parent has not looked yet
        time.sleep(0.05)


@pytest.fixture
def case():
    affine = Affine.rigid((20, 10, -15), (5, 6, 7)).matrix @ np.diag([1.5, 2, 3, 1])
    rng = np.random.default_rng(0)
    fixed = Volume(rng.random((8, 9, 10), dtype=np.float32), affine, "fixed")
    moving = Volume(fixed.array, np.diag([2, 2.5, 3.5, 1]), "moving")
    return Case("c", fixed, moving, None, None, TRUTH, np.ones(fixed.shape, dtype=bool))


def test_voxel_displacements_along_the_axes_of_the_file_are_read(case, tmp_path):
    k, j, i = np.indices(case.fixed.shape)
    here = np.stack([i, j, k], axis=-1)
    there = case.moving.grid.to_index(TRUTH.apply(case.fixed.grid.points()))
    np.save(tmp_path / "v.npy", (there - here).transpose(2, 1, 0, 3).astype(np.float32))
    field = peers._loaded([(str(tmp_path / "v.npy"), False)], case)
    points = case.fixed.grid.points()
    assert field.apply(points) == pytest.approx(TRUTH.apply(points), abs=1e-3)


def test_matrices_are_read_as_ras_and_inverted_on_demand(case, tmp_path):
    file = tmp_path / "g.matrix"
    np.savetxt(file, TRUTH.matrix)
    assert peers._loaded([(str(file), False)], case).matrix == pytest.approx(TRUTH.matrix)
    back = peers._loaded([(str(file), True)], case)
    assert back.matrix == pytest.approx(np.linalg.inv(TRUTH.matrix))


def test_a_point_meets_files_in_their_order(case, tmp_path):
    turn, shift = Affine.rigid((0, 0, 90)), Affine.rigid(translation_mm=(10, 0, 0))
    for name, transform in (("turn.tfm", turn), ("shift.tfm", shift)):
        save_transform(transform, tmp_path / name)
    files = [(str(tmp_path / "turn.tfm"), False), (str(tmp_path / "shift.tfm"), True)]
    assert peers._loaded(files, case).apply([1.0, 0, 0]) == pytest.approx([-10, 1, 0])
    assert peers._loaded([], case) is None


def test_a_sampled_affine_motion_is_taken_for_what_it_is(case, tmp_path):
    save_transform(to_displacement(TRUTH, case.fixed.grid), tmp_path / "e.nii")
    found = peers._loaded([(str(tmp_path / "e.nii"), False)], case)
    assert isinstance(found, Affine)
    assert found.matrix == pytest.approx(TRUTH.matrix, abs=1e-3)
    bent = to_displacement(TRUTH, case.fixed.grid)
    bumpy = bent.array + np.random.default_rng(1).normal(size=bent.array.shape)
    save_transform(DisplacementField(bumpy, bent.affine), tmp_path / "b.nii")
    kept = peers._loaded([(str(tmp_path / "b.nii"), False)], case)
    assert isinstance(kept, DisplacementField)


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """A folder of workers; returns a function that makes a method of a script."""
    folder = tmp_path / "workers"
    folder.mkdir()
    (folder / "job.py").write_bytes((peers.WORKERS / "job.py").read_bytes())
    monkeypatch.setattr(peers, "WORKERS", folder)

    def make(script):
        (folder / "run_it.py").write_text(textwrap.dedent(script), encoding="utf-8")
        return peers.Method("it", "json", "run_it.py")

    return make


def run(method, case, tmp_path, **options):
    folder = tmp_path / "job"
    folder.mkdir()
    order = peers.Order(peers.RIGID, same_contrast=False, seed=4)
    chosen = {"threads": 1, "limit_s": 60.0, **options}
    return peers.register(method, case, order, folder, **chosen), folder


def test_a_worker_gets_the_images_and_its_result_comes_back(case, worker, tmp_path):
    save_transform(TRUTH, tmp_path / "truth.tfm")
    method = worker(
        f"""
        import time
        from job import Job
        job = Job.from_arguments()
        assert (job.kind, job.seed, job.far, job.same_contrast) == ("rigid", 4, False, False)
        with job.timed():
            time.sleep(0.2)
        truth = {str(tmp_path / "truth.tfm")!r}
        job.done([(truth, False)], [(truth, True)])
        """
    )
    found, folder = run(method, case, tmp_path)
    assert not found.error
    assert found.transform.matrix == pytest.approx(TRUTH.matrix, abs=1e-6)
    assert found.inverse.apply(found.transform.apply([1.0, 2, 3])) == pytest.approx([1, 2, 3])
    assert 0.2 <= found.seconds < found.process.wall_s
    assert found.cpu_seconds < 0.1
    stored = load_volume(folder / "moving.nii")
    assert stored.affine == pytest.approx(case.moving.affine)
    assert np.array_equal(stored.array, case.moving.array)


def test_a_worker_that_fails_or_hangs_is_told_in_one_line(case, worker, tmp_path):
    found, _ = run(worker("raise SystemExit('no such metric')"), case, tmp_path)
    assert found.error == "exit code 1: no such metric"
    assert found.transform is None
    (tmp_path / "again").mkdir()
    late, _ = run(worker("import time; time.sleep(30)"), case, tmp_path / "again", limit_s=0.5)
    assert late.error == "stopped after 0.5 s"


def test_regqc_starts_deformations_where_the_peers_do(tmp_path):
    order = peers.Order(peers.DEFORMABLE, same_contrast=True)
    command = peers._regqc_command(tmp_path, order, order.kind, "cpu")
    start = command[command.index("--init") + 1]
    assert peers.load_transform(start).matrix == pytest.approx(np.eye(4))
    network = peers._regqc_command(tmp_path, order, peers.NETWORK, "cpu")
    assert network[network.index("--kind") + 1] == "contrast-agnostic"
    assert "--init" in network
    affine = peers.Order(peers.AFFINE, same_contrast=True)
    assert "--init" not in peers._regqc_command(tmp_path, affine, affine.kind, "cpu")


def test_regqcs_own_times_count_no_checks(case, tmp_path):
    out = tmp_path / "regqc"
    out.mkdir()
    save_transform(TRUTH, out / "transform.h5")
    save_transform(TRUTH.inverse(), out / "inverse.h5")
    report = {
        "timing_s": {"check before": 5.0, "affine": 1.5, "deformable": 2.0, "check after": 4.0},
        "kept": "deformable",
        "limits": [],
        "after": {"verdict": "aligned"},
    }
    (out / "report.json").write_text(json.dumps(report), encoding="utf-8")
    found = peers._read_regqc(tmp_path, case, measured("pass"))
    assert found.seconds == 3.5
    assert found.said == {"kept": "deformable", "verdict": "aligned", "limits": []}
    assert found.transform.matrix == pytest.approx(TRUTH.matrix, abs=1e-6)


def test_a_missing_module_is_named():
    missing = peers.Method("it", "no_such_module", "run_it.py")
    assert "no_such_module is not installed" in peers.unavailable(missing)
    assert peers.unavailable(peers.Method("it", "json", "run_it.py")) == ""
