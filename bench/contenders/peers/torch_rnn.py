"""PyTorch's `torch.nn.RNN`, `GRU`, `LSTM` with a linear output layer: on an NVIDIA GPU, cuDNN's.

float32 is float32; TF32 is allowed where the case's dtype says tf32.
"""

from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np

from bench.cases.case import Case
from bench.cases.programs import inputs_of
from bench.contenders.peers import peer, torch_model
from bench.contenders.peers.peer import Peer, Runnable
from bench.contenders.subject import Subject
from bench.timing import processor
from kernels import convert
from kernels.contract import current_platform
from kernels.convert import shared
from reference import CELLS, Readout, Weights

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
        self._cell = CELLS[case.cell]
        layers = convert.to_torch(inputs_of(case).params, cell=case.cell)
        rnn, out = self._rnn, self._out = tuple(layer.to(device) for layer in layers)
        rnn.flatten_parameters()
        rnn.train(case.phase == "train")  # cuDNN then keeps what a backward pass needs
        rnn.bias_hh_l0.requires_grad_(bool(self._cell.own))
        every = (*rnn.parameters(), *out.parameters())
        self.parameters = tuple(each for each in every if each.requires_grad)

    def __call__(self, x: Any, initial: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...], Any]:
        state = tuple(each[None] for each in initial)
        h, last = self._rnn(x, state if self._cell.carried else state[0])
        last = last if self._cell.carried else (last,)
        return self._out(h), tuple(each[0] for each in last), h

    def ours(self, gradients: tuple[Any, ...]) -> tuple[Weights, Readout]:
        w_x, w_h, b_x, *b_h, w, b = gradients
        halves = shared.Halves(w_x.T, w_h.T, b_x, b_h[0] if b_h else np.zeros_like(b_x))
        weights = shared.gradients(self._cell, halves, shared.TORCH[self._cell.name])
        return weights, Readout(w.T, b)


def versions() -> dict[str, str]:
    """torch's; on a GPU cuDNN's as torch reports it, on a CPU the number of threads."""
    if current_platform() != "gpu":
        return {"torch": version("torch"), "torch threads": str(processor.threads())}
    import torch

    return {"torch": torch.__version__, "cudnn": str(torch.backends.cudnn.version())}


PEER = Peer(unavailable, unsupported, prepare, versions, has_threads=True)
