"""A network in torch as one runtime among others, in float32 or bfloat16."""

from __future__ import annotations

import torch
from torch import nn

from RegQCLib.compression.target import Array, Runner


def torch_runner(module: nn.Module, *, half: bool = False) -> Runner:
    """``module`` in torch. half: in bfloat16 with channels last, the fast layout of processors."""
    module.eval()

    def run(*arrays: Array) -> Array:
        inputs = [torch.from_numpy(one) for one in arrays]
        if half:
            layout = torch.channels_last if inputs[0].ndim == 4 else torch.channels_last_3d
            inputs = [one.contiguous(memory_format=layout) for one in inputs]
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            answer: Array = module(*inputs).float().numpy()
        return answer

    return run
