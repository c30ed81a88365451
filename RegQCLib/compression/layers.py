"""The layers of a network that compression works on: those that hold matrices."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

CONVOLUTIONS = (
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)
NORMALIZATIONS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
TRANSPOSED = CONVOLUTIONS[3:]


def matrix_layers(module: nn.Module) -> dict[str, nn.Module]:
    """Convolutions and linear layers by name, in the order in which they were made."""
    return {
        name: layer
        for name, layer in module.named_modules()
        if isinstance(layer, (*CONVOLUTIONS, nn.Linear))
    }


def parameter_count(module: nn.Module) -> int:
    """How many numbers training may change."""
    return sum(parameter.numel() for parameter in module.parameters())


def fit_channels(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Give the layers of ``module`` the channels that ``state``, from a smaller network, has.

    Parameters keep no useful values: `load_state_dict` comes next, and refuses what still differs.
    """
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if name in state and state[name].shape != tensor.shape:
            owner = module.get_submodule(name.rpartition(".")[0])
            fresh = tensor.new_zeros(state[name].shape)
            leaf = name.rpartition(".")[2]
            setattr(owner, leaf, nn.Parameter(fresh) if isinstance(tensor, nn.Parameter) else fresh)
    for layer in module.modules():
        _describe(layer)


def _describe(layer: nn.Module) -> None:
    """Let a layer's own counts say what its weights say."""
    if isinstance(layer, CONVOLUTIONS):
        sides = [layer.weight.shape[0], layer.weight.shape[1] * layer.groups]
        if isinstance(layer, TRANSPOSED):
            sides = [layer.weight.shape[1] * layer.groups, layer.weight.shape[0]]
        layer.out_channels, layer.in_channels = sides
    elif isinstance(layer, nn.Linear):
        layer.out_features, layer.in_features = layer.weight.shape
    elif isinstance(layer, NORMALIZATIONS) and layer.running_mean is not None:
        layer.num_features = len(layer.running_mean)
