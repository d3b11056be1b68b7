"""PyTorch's `torch.nn.RNN`, `GRU`, `LSTM` with a linear output layer: on an NVIDIA GPU, cuDNN's.

Sequences of different lengths are packed, in the timed call, and outputs of padded steps set to 0.

float32 is float32; TF32 is allowed where the case's dtype says tf32.
"""

import warnings
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np
from jaxtyping import PyTree

from bench.cases.case import Case
from bench.cases.inputs import Inputs
from bench.cases.programs import inputs_of
from bench.contenders.peers import directions, peer, torch_model
from bench.contenders.peers.peer import Peer, Runnable
from bench.contenders.subject import Subject
from bench.timing import processor
from kernels import convert
from kernels.contract import current_platform
from kernels.convert import shared
from reference import CELLS, Readout, Weights

NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")  # of `shared.Halves`
CLASSES = {"relu": "RNN", "tanh": "RNN", "gru": "GRU", "lstm": "LSTM"}  # of `torch.nn`
BFLOAT16_SINCE = 91300  # of cuDNN


def unavailable(platform: str) -> str | None:
    """Needs torch, and beside JAX on a GPU one that torch can use."""
    if find_spec("torch") is None:
        return "torch is not installed"
    if platform == "cpu":
        return None
    import torch

    return None if torch.cuda.is_available() else "torch is installed without CUDA"


def unsupported(case: Case) -> str | None:
    """TF32 is a GPU's; torch falls back to a loop of its own where cuDNN refuses, silently."""
    if current_platform() != "gpu":
        return peer.no_tf32(case)
    if case.dtype != "bfloat16":
        return None
    import torch

    cudnn = torch.backends.cudnn.version()
    if cudnn is not None and cudnn < BFLOAT16_SINCE:
        return f"cuDNN's bfloat16 RNN came with 9.13; this is {cudnn}"
    return None


def prepare(case: Case) -> Subject:
    """On JAX's platform."""
    return peer.subject(case, build(case, "cuda" if current_platform() == "gpu" else "cpu"))


def build(case: Case, device: str) -> Runnable:
    """The case in PyTorch, on its device."""
    return torch_model.runnable(case, _Model(case, device), device)


class _Model:
    """A `torch_model.Model`. torch's second bias is trained where the cell needs it, for n_h."""

    def __init__(self, case: Case, device: str):
        self._case, self._cell, self._inputs = case, CELLS[case.cell], inputs_of(case)
        self._device = device
        self._rnn, self._out = self._layers(case.workload.layers), self._readout()
        every = (*self._rnn.named_parameters(), *self._out.named_parameters())
        self.parameters = tuple(each for name, each in every if self._is_trained(name))
        self._packing = _Packing(self._inputs, device)

    def _layers(self, number: int) -> Any:
        """The first so many, one behind the other in one layer of torch's."""
        w, name = self._case.workload, CLASSES[self._case.cell]
        kind = shared.imported("torch").nn
        options = {"nonlinearity": self._case.cell} if name == "RNN" else {}
        options |= {"dtype": convert.tensor(self._inputs.x).dtype}
        rnn = getattr(kind, name)(w.I, w.H, number, bidirectional=w.bidirectional, **options)
        weights = directions.halves(self._case, self._inputs, shared.TORCH)[:number]
        rnn.load_state_dict(
            {
                f"{name}_l{n}{'_reverse' * way}": convert.tensor(array.T)
                for n, layer in enumerate(weights)
                for way, each in enumerate(layer)
                for name, array in zip(NAMES, each, strict=True)
            }
        )
        rnn.to(self._device).flatten_parameters()
        return rnn.train(self._case.phase == "train")  # cuDNN keeps what a backward pass needs

    def _readout(self) -> Any:
        w, b = map(convert.tensor, self._inputs.params.readout)
        with warnings.catch_warnings(action="ignore"):  # of an empty layer's weights, meant to be
            out = shared.imported("torch").nn.Linear(*w.shape, dtype=w.dtype)
        out.load_state_dict({"weight": w.T, "bias": b})
        return out.to(self._device)

    def _is_trained(self, name: str) -> bool:
        return bool(self._cell.own) or not name.startswith("bias_hh")

    def start(self, initial: tuple[Any, ...]) -> Any:
        """Every part of the state as (layers x ways, B, H)."""
        parts = len(self._cell.states)
        stack = shared.imported("torch").stack
        state = tuple(stack(initial[part::parts]) for part in range(parts))
        return state if self._cell.carried else state[0]

    def __call__(self, x: Any, start: Any) -> tuple[Any, tuple[Any, ...], Any]:
        h, last = self._packing.run(self._rnn, x, start)
        last = last if self._cell.carried else (last,)
        states = tuple(part[n] for n in range(len(last[0])) for part in last)
        return self._packing.without_padding(self._out(h)), states, h

    def below(self, x: Any, start: Any) -> tuple[Any, ...]:
        """The h of every layer but the last."""
        w = self._case.workload

        def of_first(n: int) -> Any:
            rows = slice(n * w.ways)
            cut = tuple(each[rows] for each in start) if self._cell.carried else start[rows]
            return self._packing.run(self._layers(n), x, cut)[0]

        return tuple(map(of_first, range(1, w.layers)))

    def ours(self, gradients: tuple[Any, ...]) -> PyTree:
        *of_layers, w, b = gradients
        each = 4 if self._cell.own else 3
        of_ways = [of_layers[n : n + each] for n in range(0, len(of_layers), each)]
        return [self._weights(*way) for way in of_ways], Readout(w.T, b)

    def _weights(self, w_x: Any, w_h: Any, b_x: Any, b_h: Any = None) -> Weights:
        halves = shared.Halves(w_x.T, w_h.T, b_x, np.zeros_like(b_x) if b_h is None else b_h)
        return shared.gradients(self._cell, halves, shared.TORCH[self._cell.name])


class _Packing:
    """How torch takes sequences of different lengths; packing is a part of every call."""

    def __init__(self, inputs: Inputs, device: str):
        self._inside = directions.inside(inputs)
        if self._inside is None:
            return
        kind = convert.tensor(inputs.x).dtype
        self._inside = convert.tensor(self._inside).to(device, kind)
        self._lengths = convert.tensor(inputs.lengths).long()  # torch wants them on the CPU

    def run(self, rnn: Any, x: Any, start: Any) -> tuple[Any, Any]:
        """All h, 0 in the padding, and the last state."""
        if self._inside is None:
            return rnn(x, start)
        from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

        packed = pack_padded_sequence(x, self._lengths, enforce_sorted=False)
        h, last = rnn(packed, start)
        return pad_packed_sequence(h, total_length=len(x))[0], last

    def without_padding(self, y: Any) -> Any:
        """0 there, as ours are: the readout's bias is not."""
        return y if self._inside is None else y * self._inside


def versions() -> dict[str, str]:
    """torch's; on a GPU cuDNN's as torch reports it, on a CPU the number of threads."""
    if current_platform() != "gpu":
        return {"torch": version("torch"), "torch threads": str(processor.threads())}
    import torch

    return {"torch": torch.__version__, "cudnn": str(torch.backends.cudnn.version())}


PEER = Peer(unavailable, unsupported, prepare, versions, has_threads=True)
