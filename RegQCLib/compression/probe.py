"""One form of a model in a process of its own: ``python -m RegQCLib.compression.probe``.

Arguments: the form, the folder of its files, threads, and the shape of each input as 16x2x128x128.
Prints the peak of resident memory in MB. Nothing is imported that the form does not need.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    """Run the form once on zeros and print the peak."""
    form, folder, threads, *shapes = sys.argv[1:]
    run = _open(form, Path(folder), int(threads))
    run(*(np.zeros([int(n) for n in shape.split("x")], dtype=np.float32) for shape in shapes))
    print(peak_mb())  # noqa: T201


def peak_mb() -> float:
    """Largest resident memory of this process; NaN where the system does not tell."""
    try:
        # not ru_maxrss: that would count what the parent held when it started this process
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1000
    except OSError:
        pass
    return float("nan")


def _open(form: str, folder: Path, threads: int) -> Callable[..., Any]:
    if form.startswith("onnx"):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(folder / "model.onnx", options)
        names = [one.name for one in session.get_inputs()]
        return lambda *arrays: session.run(None, dict(zip(names, arrays, strict=True)))
    if form.startswith("openvino"):
        import openvino

        precision = "bf16" if form.endswith("bf16") else "f32"
        hints = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": precision}
        compiled = openvino.Core().compile_model(folder / "model.xml", "CPU", hints)
        return lambda *arrays: compiled(arrays)
    import torch

    from RegQCLib.compression.model_files import deployed, read_model
    from RegQCLib.compression.torch_runner import torch_runner

    torch.set_num_threads(threads)
    model = read_model(folder / "model.npz")
    return torch_runner(deployed(model.kind, model.module), half=form.endswith("bf16"))


if __name__ == "__main__":
    main()
