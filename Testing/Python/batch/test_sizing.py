"""How many processes run, on which cores, with how many threads."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import SimpleITK as sitk
from cli.support import write_nifti

from RegQCLib.batch import sizing
from RegQCLib.batch.sizing import (
    bytes_of_worker,
    cores_of_workers,
    free_gpu_bytes,
    thread_variables,
    voxels_of,
)
from RegQCLib.errors import InputError

PLENTY = 2**40


@pytest.fixture
def machine(monkeypatch):
    """A machine with cores 2 to 9 of its own, and as much memory and GPU memory as is asked for."""

    def set_up(memory=PLENTY, gpu=None):
        monkeypatch.setattr(sizing, "usable_cores", lambda: list(range(2, 10)))
        monkeypatch.setattr(sizing, "available_bytes", lambda: memory)
        monkeypatch.setattr(sizing, "free_gpu_bytes", lambda: gpu)

    return set_up


def test_no_two_processes_share_a_core(machine):
    machine()
    for workers in (1, 2, 3, 8):
        cores = cores_of_workers(workers, [])
        assert len(cores) == workers
        assert sorted(core for own in cores for core in own) == list(range(2, 10))
        assert max(map(len, cores)) - min(map(len, cores)) <= 1
    assert sorted(map(len, cores_of_workers(11, []))) == [1] * 11


def test_memory_limits_them(machine, tmp_path):
    machine()
    assert len(cores_of_workers(None, [])) == 8
    machine(memory=3 * sizing.BASE_BYTES + 1)
    assert len(cores_of_workers(None, [])) == 3
    large = write_nifti(tmp_path / "large.nii.gz", np.zeros((200, 200, 200), np.uint8))
    pairs = [(tmp_path / "gone",), (large, large)]
    assert len(cores_of_workers(None, pairs)) == 1
    machine(memory=0)
    assert len(cores_of_workers(None, [])) == 1
    with pytest.raises(InputError, match="at least one worker"):
        cores_of_workers(0, [])


def test_images_count_by_their_voxels_however_well_they_are_compressed(tmp_path):
    zeros = np.zeros((50, 40, 30), np.int16)
    image = write_nifti(tmp_path / "a.nii.gz", zeros)
    nrrd, field = tmp_path / "b.nrrd", tmp_path / "c.mha"
    sitk.WriteImage(sitk.GetImageFromArray(zeros), nrrd, useCompression=True)
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((5, 6, 7, 3)), isVector=True), field)
    damaged, folder = tmp_path / "d.nii.gz", tmp_path / "dicom"
    damaged.write_bytes(b"x" * 50)
    folder.mkdir()
    (folder / "1.dcm").write_bytes(b"x" * 30)
    sizes = [voxels_of(one) for one in (image, nrrd, field, damaged, folder, tmp_path / "gone")]
    assert sizes == [60_000, 60_000, 630, 150, 90, 0]
    small, large = bytes_of_worker([(image, nrrd), (field,)]), bytes_of_worker([(image,) * 4])
    assert small - sizing.BASE_BYTES == 120_000 * sizing.BYTES_PER_VOXEL["check"]
    assert large - sizing.BASE_BYTES == 2 * (small - sizing.BASE_BYTES)
    assert bytes_of_worker([(image,)], checks_alone=False) > bytes_of_worker([(image,)])
    assert bytes_of_worker([]) == sizing.BASE_BYTES


def test_a_gpu_is_shared_by_as_many_as_fit(machine):
    machine(gpu=2 * sizing.GPU_BYTES + 1)
    assert len(cores_of_workers(None, [], device="auto")) == 2
    assert len(cores_of_workers(None, [], device="cpu")) == 8
    assert len(cores_of_workers(5, [], device="cuda")) == 5


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for the program")
@pytest.mark.parametrize(("said", "amount"), [("1000\n20\n", 1000 * 2**20), ("no GPU\n", None)])
def test_the_driver_is_asked(tmp_path, monkeypatch, said, amount):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\nprintf '{said}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert free_gpu_bytes() == amount


def test_threads_are_those_that_were_given():
    variables = thread_variables(3)
    assert variables["OMP_NUM_THREADS"] == "3"
    assert set(variables.values()) == {"3"}
