"""PyTorch's `torch.nn.RNN` with a linear output layer: on an NVIDIA GPU that is cuDNN.

float32 is float32; TF32 is allowed where the case's dtype says tf32.
"""

from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from bench.cases.case import Case
from bench.cases.inputs import make_inputs
from bench.contenders.peers import peer, torch_model
from bench.contenders.peers.peer import Peer, Runnable
from bench.contenders.subject import Subject
from bench.timing import processor
from kernels import convert
from kernels.contract import current_platform

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
    """A `torch_model.Model`. torch's second bias stays zero, and is not trained."""

    def __init__(self, case: Case, device: str):
        params = make_inputs(case.workload, case.dtype).params
        layers = convert.to_torch(params, case.activation)
        rnn, out = self._rnn, self._out = tuple(layer.to(device) for layer in layers)
        rnn.flatten_parameters()
        rnn.train(case.phase == "train")  # cuDNN then keeps what a backward pass needs
        rnn.bias_hh_l0.requires_grad_(False)
        input_to_hidden = rnn.weight_ih_l0, rnn.weight_hh_l0, rnn.bias_ih_l0
        self.parameters = (*input_to_hidden, out.weight, out.bias)

    def __call__(self, x: Any, h0: Any) -> tuple[Any, Any, Any]:
        h, h_last = self._rnn(x, h0[None])
        return self._out(h), h_last[0], h

    def ours(self, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        w_xh, w_hh, b_h, w_ho, b_o = gradients
        return w_xh.T, w_hh.T, b_h, w_ho.T, b_o


def versions() -> dict[str, str]:
    """torch's; on a GPU cuDNN's as torch reports it, on a CPU the number of threads."""
    if current_platform() != "gpu":
        return {"torch": version("torch"), "torch threads": str(processor.threads())}
    import torch

    return {"torch": torch.__version__, "cudnn": str(torch.backends.cudnn.version())}


PEER = Peer(unavailable, unsupported, prepare, versions, has_threads=True)
