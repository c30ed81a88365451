"""Running the slice networks: OpenVINO in eight bits by default, torch on request or on a GPU.

Both engines read their files from ``RegQCLib/weights`` and take and return NumPy arrays; see
`measure.Engine` for shapes. They agree within the tolerance that the model cards state.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from RegQCLib.errors import InputError, MissingDependencyError
from RegQCLib.qc.measure import Engine
from RegQCLib.weights_io import load_weights

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"
NETWORKS = ("matcher", "slice_classifier")
PREPARED_SIZES = 16  # image sizes for which OpenVINO keeps its preparations

FloatArray = NDArray[np.float32]


class OpenVINOEngine:
    """The networks on the CPU, without torch.

    threads: processor threads to use; 0 leaves the choice to OpenVINO.
    Raises MissingDependencyError without OpenVINO, InputError for damaged model files.
    """

    name = "openvino-int8"

    def __init__(self, weights: Path = WEIGHTS, *, threads: int = 0) -> None:
        try:
            import openvino
        except ImportError:
            raise MissingDependencyError(
                "the check needs OpenVINO; install it with: pip install openvino"
            ) from None
        core = openvino.Core()
        # float32 between the 8-bit layers: bf16 where a CPU has it would change the numbers
        options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32"}
        # images of many sizes would otherwise pile up memory, 30 MB for each size
        options["CPU_RUNTIME_CACHE_CAPACITY"] = PREPARED_SIZES
        if threads:
            options["INFERENCE_NUM_THREADS"] = threads
        self._networks: dict[str, Any] = {}
        for network in NETWORKS:
            path = weights / f"{network}.xml"
            if not path.is_file():
                raise InputError(f"{path}: no such model file; reinstall RegQC")
            try:
                self._networks[network] = core.compile_model(path, "CPU", options)
            except RuntimeError:
                raise InputError(f"{path}: damaged or not a RegQC model; reinstall RegQC") from None

    def match(self, images: FloatArray) -> FloatArray:
        """See `measure.Engine`."""
        return self._run("matcher", images)

    def classify(self, images: FloatArray) -> FloatArray:
        """See `measure.Engine`."""
        return self._run("slice_classifier", images)

    def release_buffers(self) -> None:
        """Give back what is kept between images; the next image takes it again."""
        for network in self._networks.values():
            network.release_memory()

    def _run(self, network: str, images: FloatArray) -> FloatArray:
        result: FloatArray = self._networks[network](images)[0]
        return result


class TorchEngine:
    """The networks in torch, on "cpu" or "cuda", in float32."""

    def __init__(self, device: str, weights: Path = WEIGHTS) -> None:
        try:
            import torch

            from RegQCLib.qc.networks.matcher import Matcher, MatcherSettings
            from RegQCLib.qc.networks.slice_classifier import ClassifierSettings, SliceClassifier
        except ImportError:
            raise MissingDependencyError(
                "running the check in torch needs: pip install 'RegQC[torch]'"
            ) from None
        self.name = f"torch-{device}"
        self._device = device
        self._networks: dict[str, torch.nn.Module] = {}
        for network in NETWORKS:
            path = weights / f"{network}.npz"
            arrays, settings = load_weights(path)
            model: torch.nn.Module
            try:
                if network == "matcher":
                    model = Matcher(MatcherSettings(**settings))
                else:
                    model = SliceClassifier(ClassifierSettings(**settings))
                model.load_state_dict({name: torch.as_tensor(a) for name, a in arrays.items()})
            except (TypeError, RuntimeError):
                raise InputError(f"{path}: damaged or not a RegQC model; reinstall RegQC") from None
            self._networks[network] = model.eval().to(device)

    def match(self, images: FloatArray) -> FloatArray:
        """See `measure.Engine`."""
        return self._run("matcher", images)

    def classify(self, images: FloatArray) -> FloatArray:
        """See `measure.Engine`."""
        return self._run("slice_classifier", images)

    def _run(self, network: str, images: FloatArray) -> FloatArray:
        import torch

        with torch.inference_mode():
            output = self._networks[network](torch.from_numpy(images).to(self._device))
        result: FloatArray = output.float().cpu().numpy()
        return result


def choose_engine(device: str = "auto", *, backend: str = "auto") -> Engine:
    """The engine for a device: "auto" takes a GPU if torch sees one, else OpenVINO on the CPU.

    device: "auto", "cpu" or "cuda". backend: "auto", "openvino" or "torch".
    Raises InputError for other words and for "cuda" where there is none.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise InputError(f"device is auto, cpu or cuda, got {device!r}")
    if backend not in ("auto", "openvino", "torch"):
        raise InputError(f"backend is auto, openvino or torch, got {backend!r}")
    wanted = device == "cuda" or (device == "auto" and _nvidia_driver())
    cuda = wanted and backend != "openvino" and _cuda_available()
    if device == "cuda" and not cuda:
        raise InputError("no CUDA device that torch can use was found; use --device cpu")
    return _cached_engine("cuda" if cuda else "cpu", backend)


def release_buffers(engine: Engine) -> None:
    """Give back what an engine keeps between images, where it keeps anything."""
    if isinstance(engine, OpenVINOEngine):
        engine.release_buffers()


def model_hashes(weights: Path = WEIGHTS) -> dict[str, str]:
    """SHA-256 (first 16 digits) of the files that decide the result."""
    names = [f"{network}{suffix}" for network in NETWORKS for suffix in (".bin", ".npz")]
    names.append("calibration.json")
    return {
        name: hashlib.sha256((weights / name).read_bytes()).hexdigest()[:16]
        for name in names
        if (weights / name).is_file()
    }


@lru_cache(maxsize=4)
def _cached_engine(device: str, backend: str) -> Engine:
    if device == "cuda" or backend == "torch":
        return TorchEngine(device)
    return OpenVINOEngine()


def _nvidia_driver() -> bool:
    """Whether a GPU may be there at all; importing torch only to hear "no" takes seconds."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def _cuda_available() -> bool:
    if importlib.util.find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()
