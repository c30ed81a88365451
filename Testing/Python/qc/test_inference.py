"""The engines that run the shipped networks: agreement, bad files, and what is not imported."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest
from qc.support import grid_around_origin, picture
from scipy.ndimage import shift as moved

from RegQCLib.errors import InputError
from RegQCLib.geometry.transforms import Affine
from RegQCLib.qc import inference
from RegQCLib.qc.inference import (
    NETWORKS,
    WEIGHTS,
    OpenVINOEngine,
    TorchEngine,
    choose_engine,
    model_hashes,
)
from RegQCLib.qc.planes import frame_around, slice_images, windowed

MEDIAN_GAP, MOST_GAP = 0.15, 0.5
"""Stated agreement of matched displacements, pixels: median and 90th percentile of the gap."""
LOGIT_GAP, SIZE_GAP = 0.8, 0.2
"""The same for the classifier's two outputs: median of the gap."""

SHIPPED = ("matcher.xml", "slice_classifier.xml", "calibration.json")
missing = [name for name in SHIPPED if not (WEIGHTS / name).is_file()]
needs_weights = pytest.mark.skipif(bool(missing), reason=f"RegQCLib/weights lacks {missing}")
needs_networks = pytest.mark.skipif(
    bool(set(missing) - {"calibration.json"}), reason=f"RegQCLib/weights lacks {missing}"
)


@pytest.fixture(scope="module")
def slices():
    """(16, 2, H, W) slices of a picture, the second image moved by up to 5 pixels."""
    volume = picture(grid_around_origin((60, 72, 64), (1.0, 1.0, 1.0)))
    gray = windowed(volume.array, (0.0, 900.0))
    frame = frame_around(gray > 0.1, volume.grid)
    chosen = np.arange(12, frame.shape[0] - 12, 2)[:16]
    images = slice_images(gray[frame.box], gray[frame.box], frame, 0, chosen)
    rng = np.random.default_rng(0)
    for pair in images:
        pair[1] = moved(pair[0], rng.uniform(-5, 5, 2), order=1, mode="nearest")
    return images


@pytest.fixture(scope="module")
def openvino():
    return OpenVINOEngine(threads=1)


@pytest.fixture(scope="module")
def torch_engine():
    torch = pytest.importorskip("torch")
    pytest.importorskip("monai")
    torch.set_num_threads(1)
    return TorchEngine("cpu")


@needs_networks
def test_engines_agree(slices, openvino, torch_engine):
    ours, theirs = openvino.match(slices), torch_engine.match(slices)
    count, _, height, width = slices.shape
    assert ours.shape == theirs.shape == (count, 5, height // 4, width // 4)
    assert ours.dtype == theirs.dtype == np.float32
    gap = np.linalg.norm(ours[:, :2] - theirs[:, :2], axis=1)
    assert np.median(gap) < MEDIAN_GAP
    assert np.percentile(gap, 90) < MOST_GAP
    assert np.abs(theirs[:, :2]).max() > 2  # there was something to agree upon
    padded = np.zeros((count, 2, 128, 128), dtype=np.float32)
    padded[:, :, :height, :width] = slices
    first, second = openvino.classify(padded), torch_engine.classify(padded)
    assert first.shape == second.shape == (count, 2)
    logit, size = np.median(np.abs(first - second), axis=0)
    assert logit < LOGIT_GAP
    assert size < SIZE_GAP


@needs_networks
def test_any_number_of_slices_of_any_size(openvino):
    rng = np.random.default_rng(0)
    for count, height, width in ((1, 8, 16), (3, 64, 40), (8, 96, 136)):
        images = rng.random((count, 2, height, width), dtype=np.float32)
        answers = openvino.match(images)
        assert answers.shape == (count, 5, height // 4, width // 4)
        assert np.isfinite(answers).all()
        together = openvino.match(np.concatenate([images, images]))
        np.testing.assert_allclose(together[:count], together[count:], atol=1e-4)


CHECK = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from qc.support import grid_around_origin, picture
from RegQCLib.geometry.transforms import Affine
from RegQCLib.qc.check import check
grid = grid_around_origin((36, 44, 38), (1.6, 1.6, 1.6))
away = Affine.rigid(translation_mm=(0, 7, 0))
fixed = picture(grid)
print(check(fixed, picture(grid, seed=1)).verdict, check(fixed, picture(grid, away)).verdict)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


@needs_weights
def test_a_check_needs_no_torch(request):
    done = subprocess.run(
        [sys.executable, "-c", CHECK, str(request.path.parents[1])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    verdicts, modules = done.stdout.splitlines()[-2:]
    assert verdicts == "aligned misaligned"
    assert "openvino" in modules.split()
    assert not {"torch", "monai", "matplotlib"} & set(modules.split())


@pytest.fixture
def copies(tmp_path):
    for name in NETWORKS:
        for suffix in (".xml", ".bin", ".npz"):
            shutil.copy(WEIGHTS / f"{name}{suffix}", tmp_path)
    return tmp_path


@needs_networks
@pytest.mark.parametrize("damage", ["no xml", "no bin", "cut xml", "cut bin", "other text"])
def test_damaged_openvino_files_are_one_line(copies, damage):
    xml, weights = copies / "matcher.xml", copies / "matcher.bin"
    if damage.startswith("no"):
        (xml if damage == "no xml" else weights).unlink()
    elif damage == "other text":
        xml.write_text("<net/>")
    else:
        path = xml if damage == "cut xml" else weights
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"matcher.*reinstall RegQC") as caught:
        OpenVINOEngine(copies, threads=1)
    assert "\n" not in str(caught.value)


@needs_networks
@pytest.mark.parametrize("damage", ["missing", "cut", "other network", "other settings"])
def test_damaged_torch_files_are_one_line(copies, damage):
    pytest.importorskip("torch")
    pytest.importorskip("monai")
    path = copies / "matcher.npz"
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:5000])
    elif damage == "other network":
        shutil.copy(copies / "slice_classifier.npz", path)
    else:
        arrays, settings = inference.load_weights(path)
        from RegQCLib.weights_io import save_weights

        save_weights(path, arrays, {**settings, "depth": 7})
    with pytest.raises(InputError, match=r"matcher.*reinstall RegQC") as caught:
        TorchEngine("cpu", copies)
    assert "\n" not in str(caught.value)


def test_no_gpu_is_said_in_one_line(monkeypatch):
    monkeypatch.setattr(inference, "_cuda_available", lambda: False)
    with pytest.raises(InputError, match="no CUDA device") as caught:
        choose_engine("cuda")
    assert "--device cpu" in str(caught.value)
    with pytest.raises(InputError, match="no CUDA device"):
        choose_engine("cuda", backend="openvino")


@pytest.mark.parametrize(
    ("device", "backend"), [("gpu", "auto"), ("", "auto"), ("cpu", "onnx"), ("auto", "cuda")]
)
def test_unknown_words_are_refused(device, backend):
    with pytest.raises(InputError, match="is auto,"):
        choose_engine(device, backend=backend)


@pytest.mark.parametrize(
    ("device", "backend", "driver", "gpu", "wanted"),
    [
        ("auto", "auto", False, None, ("cpu", "auto")),  # None: torch must not even be asked
        ("cpu", "auto", True, None, ("cpu", "auto")),
        ("auto", "openvino", True, None, ("cpu", "openvino")),
        ("auto", "auto", True, False, ("cpu", "auto")),
        ("auto", "auto", True, True, ("cuda", "auto")),
        ("cuda", "torch", False, True, ("cuda", "torch")),
    ],
)
def test_a_gpu_is_taken_where_there_is_one(monkeypatch, device, backend, driver, gpu, wanted):
    def available():
        assert gpu is not None
        return gpu

    monkeypatch.setattr(inference, "_nvidia_driver", lambda: driver)
    monkeypatch.setattr(inference, "_cuda_available", available)
    monkeypatch.setattr(inference, "_cached_engine", lambda *words: words)
    assert choose_engine(device, backend=backend) == wanted


@needs_networks
def test_engines_are_kept_and_named():
    assert choose_engine("cpu") is choose_engine("cpu")
    assert choose_engine("cpu").name == "openvino-int8"


def test_hashes_name_the_files_that_decide(tmp_path):
    assert model_hashes(tmp_path) == {}
    (tmp_path / "matcher.bin").write_bytes(b"abc")
    (tmp_path / "calibration.json").write_bytes(b"")
    assert model_hashes(tmp_path) == {
        "matcher.bin": "ba7816bf8f01cfea",
        "calibration.json": "e3b0c44298fc1c14",
    }


def test_true_motion_is_seen_by_the_shipped_networks():
    if missing:
        pytest.skip(f"RegQCLib/weights lacks {missing}")
    from RegQCLib.qc.check import check

    grid = grid_around_origin((60, 72, 64), (1.0, 1.0, 1.0))
    away = Affine.rigid(translation_mm=(3, -4, 0))
    aligned = check(picture(grid), picture(grid), device="cpu")
    apart = check(picture(grid), picture(grid, away), device="cpu")
    assert (aligned.verdict, apart.verdict) == ("aligned", "misaligned")
    # sine waves in an egg are far from what calibration has seen
    assert apart.error_mm.mean == pytest.approx(5.0, rel=0.25)
