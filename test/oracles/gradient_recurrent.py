"""Gradient cases of LSTM, GRU and RNN: ONNX's formulas step by step in PyTorch, checked against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import torch
from gradient_case import case, normal, random

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
HARD = {"hard": (0.2, 0.5), "steep": (0.45, 0.4)}


def gate(options):
    """The function of the gates: logistic, or max(0, min(1, alpha·z + beta))."""
    if options["gates"] is None:
        return torch.sigmoid
    alpha, beta = HARD[options["gates"]]
    return lambda z: (alpha * z + beta).clamp(0, 1)


def lstm(x, w, r, wb, rb, h, c, p, options):
    sigma = gate(options)
    i, o, f, z = (x @ w.T + h @ r.T + wb + rb).chunk(4, -1)
    pi, po, pf = p.chunk(3)
    cell = sigma(f + pf * c) * c + sigma(i + pi * c) * torch.tanh(z)
    return sigma(o + po * cell) * torch.tanh(cell), cell


def gru(x, w, r, wb, rb, h, c, p, options):
    (wz, wr, wn), (xz, xr, xn), (bz, br, bn) = w.chunk(3), (x @ w.T + wb).chunk(3, -1), rb.chunk(3)
    rz, rr, rn = r.chunk(3)
    sigma = gate(options)
    z, reset = sigma(xz + h @ rz.T + bz), sigma(xr + h @ rr.T + br)
    inner = reset * (h @ rn.T + bn) if options["linear"] else (reset * h) @ rn.T + bn
    return (1 - z) * torch.tanh(xn + inner) + z * h, c


def rnn(x, w, r, wb, rb, h, c, p, options):
    named = {"Tanh": torch.tanh, "Relu": torch.relu, "Sigmoid": torch.sigmoid}
    function = gate(options) if options["gates"] else named[options["activation"]]
    return function(x @ w.T + h @ r.T + wb + rb), c


CELLS = {"LSTM": lstm, "GRU": gru, "RNN": rnn}


def recurrent(name, operator, direction, steps, batch, size, hidden, given=("B", "initial_h", "initial_c"), layout=0, follow="Y", linear=0, activation=None, gates_by=None):
    directions, gates = 2 if direction == "bidirectional" else 1, GATES[operator]
    turned = lambda value: np.ascontiguousarray(np.swapaxes(value, 0, 1)) if layout else value  # noqa: E731
    scale = lambda *shape: np.round(normal(*shape) * 32) / 64  # noqa: E731
    tensors = {
        "X": turned(normal(steps, batch, size)), "W": scale(directions, gates * hidden, size), "R": scale(directions, gates * hidden, hidden),
        "B": scale(directions, 2 * gates * hidden), "sequence_lens": np.array([], np.int64), "initial_h": turned(scale(directions, batch, hidden)),
    }  # fmt: skip
    if operator == "LSTM":
        tensors |= {"initial_c": turned(scale(directions, batch, hidden)), "P": scale(directions, 3 * hidden)}
    inputs = {key if key in ("X", "W", "R", *given) else f"omitted {key}": value for key, value in tensors.items()}
    while list(inputs)[-1].startswith("omitted"):
        inputs.popitem()
    inputs = {key: np.array([], np.int64) if key.startswith("omitted") else value for key, value in inputs.items()}

    def forward(*each):
        values = dict(zip(inputs, each))
        zeros = lambda *shape: torch.zeros(*shape, dtype=torch.float64)  # noqa: E731
        x = values["X"].transpose(0, 1) if layout else values["X"]
        state = lambda key: values[key].transpose(0, 1) if layout else values[key]  # noqa: E731
        sequences, hiddens, cells = [], [], []
        for index in range(directions):
            wb, rb = values["B"][index].chunk(2) if "B" in values else (zeros(gates * hidden), zeros(gates * hidden))
            h = state("initial_h")[index] if "initial_h" in values else zeros(batch, hidden)
            c = state("initial_c")[index] if "initial_c" in values else zeros(batch, hidden)
            p = values["P"][index] if "P" in values else zeros(3 * hidden)
            found = [None] * steps
            backwards = direction == "reverse" or index == 1
            for time in reversed(range(steps)) if backwards else range(steps):
                h, c = CELLS[operator](x[time], values["W"][index], values["R"][index], wb, rb, h, c, p, dict(linear=linear, activation=activation or "Tanh", gates=gates_by))
                found[time] = h
            sequences.append(torch.stack(found)), hiddens.append(h), cells.append(c)
        sequence, last, cell = torch.stack(sequences, 1), torch.stack(hiddens), torch.stack(cells)
        outputs = {"Y": sequence.permute(2, 0, 1, 3) if layout else sequence, "Y_h": last.transpose(0, 1) if layout else last}
        return outputs | ({"Y_c": cell.transpose(0, 1) if layout else cell} if operator == "LSTM" else {})

    attributes: dict = dict(hidden_size=hidden, direction=direction)
    if layout:
        attributes["layout"] = layout
    if operator == "GRU":
        attributes["linear_before_reset"] = linear
    if activation:
        attributes["activations"] = [activation] * directions
    if gates_by:
        following = {"LSTM": 2, "GRU": 1, "RNN": 0}[operator]
        attributes["activations"] = ["HardSigmoid", *["Tanh"] * following] * directions
        # What ONNX Runtime takes without being told.
        if HARD[gates_by] != HARD["hard"]:
            attributes["activation_alpha"], attributes["activation_beta"] = ([value] * directions for value in HARD[gates_by])
    # ONNX Runtime's CPU kernels have no layout 1.
    case(name, operator, inputs, forward, follow=follow, known_to_runtime=not layout, **attributes)


def add_cases() -> None:
    for operator in ("LSTM", "GRU", "RNN"):
        states = ("Y", "Y_h", "Y_c") if operator == "LSTM" else ("Y", "Y_h")
        for number, direction in enumerate(["forward", "reverse", "bidirectional"] * 2):
            steps, batch, size, hidden = (int(value) for value in (random.randint(1, 5), random.randint(1, 4), random.randint(1, 4), random.randint(1, 4)))
            for follow in states:
                common = dict(follow=follow, linear=number % 2)
                recurrent(f"{operator.lower()}-{direction}-{number}-{follow.lower()}", operator, direction, steps + number // 3, batch, size, hidden, **common)
        recurrent(f"{operator.lower()}-plain", operator, "forward", 3, 2, 3, 2, given=())
        recurrent(f"{operator.lower()}-one-step", operator, "bidirectional", 1, 2, 2, 3, given=("B",), linear=1)
        for follow in states:
            recurrent(f"{operator.lower()}-layout-1-{follow.lower()}", operator, "bidirectional", 3, 2, 3, 2, layout=1, follow=follow)
    for number, direction in enumerate(["forward", "reverse", "bidirectional"]):
        for follow in ("Y", "Y_c"):
            recurrent(f"lstm-peepholes-{direction}-{follow.lower()}", "LSTM", direction, 3 + number, 2, 2, 3, given=("B", "initial_h", "initial_c", "P"), follow=follow)
    for activation in ("Relu", "Sigmoid", "Tanh"):
        recurrent(f"rnn-{activation.lower()}", "RNN", "bidirectional", 3, 2, 3, 2, activation=activation)
    for gates_by in HARD:
        for direction in ("forward", "bidirectional"):
            common = dict(gates_by=gates_by, follow="Y")
            recurrent(f"lstm-{gates_by}-{direction}", "LSTM", direction, 4, 3, 3, 3, **common)
            for linear in (0, 1):
                recurrent(f"gru-{gates_by}-{direction}-{linear}", "GRU", direction, 4, 3, 3, 3, linear=linear, **common)
    recurrent("lstm-hard-peepholes", "LSTM", "reverse", 3, 2, 2, 3, given=("B", "initial_h", "initial_c", "P"), gates_by="steep")
    for gates_by in HARD:
        for direction in ("reverse", "bidirectional"):
            recurrent(f"rnn-{gates_by}-{direction}", "RNN", direction, 4, 3, 3, 3, gates_by=gates_by)
