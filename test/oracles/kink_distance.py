"""Moves a network's weights a little, so that no value lies where a ReLU or ReLU6 has its kink: `settle`."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

# How far a shift may move, and how far from a kink every value is then at least.
REACH, MARGIN = 0.1, 2e-5


def settle(model: nn.Module, inputs: torch.Tensor) -> nn.Module:
    """A copy whose BatchNorms that a ReLU or ReLU6 follows, be it behind a sum, have other shifts β.

    Each is moved by REACH at most, to where the channel's values of this batch leave the widest gap at the kinks. The
    network normalizes with the batch's statistics.
    """
    network = copy.deepcopy(model).double().train()
    with torch.no_grad(), Settling(network) as settling:
        network(inputs.double())
    assert settling.nearest > MARGIN, settling.nearest
    settled = copy.deepcopy(model)
    for name, parameter in settled.named_parameters():
        parameter.data.copy_(network.get_parameter(name).float())
    return settled


class Settling(TorchFunctionMode):
    """While it is active, a forward pass in float64 settles one BatchNorm after the other."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.last: nn.BatchNorm2d | None = None
        self.nearest = np.inf
        for layer in model.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.register_forward_hook(self.remember)

    def remember(self, layer: nn.BatchNorm2d, *_: object) -> None:
        self.last = layer

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function not in (F.relu, F.hardtanh):
            return function(*args, **(kwargs or {}))
        x, kinks = args[0], (0.0,) if function is F.relu else (0.0, 6.0)
        assert self.last is not None and self.last.num_features == x.shape[1]
        shift = self.last.bias.data
        moves = [widest_gap(values, kinks) for values in x.transpose(0, 1).flatten(1).numpy()]
        # As float32 will hold it.
        self.last.bias.data = (shift + torch.tensor(moves, dtype=torch.float64)).float().double()
        x = x + (self.last.bias.data - shift).view(1, -1, 1, 1)
        self.nearest = min([self.nearest, *((x - kink).abs().min().item() for kink in kinks)])
        return x.clamp(0, max(kinks) or None)


def widest_gap(values: np.ndarray, kinks: tuple[float, ...]) -> float:
    """Of the moves that bring the middle between two neighbours to a kink, the one that leaves all kinks farthest away."""
    ordered = np.sort(values)
    moves = np.concatenate([[0.0], *(kink - (ordered[1:] + ordered[:-1]) / 2 for kink in kinks)])
    moves = moves[np.abs(moves) <= REACH]
    distances = np.full(len(moves), np.inf)
    for kink in kinks:
        above = np.searchsorted(ordered, kink - moves).clip(1, len(ordered) - 1)
        for neighbour in (above - 1, above):
            distances = np.minimum(distances, np.abs(ordered[neighbour] + moves - kink))
    return float(moves[distances.argmax()])
