"""PyTorch's `torch.nn.RNN` with a linear output layer: on an NVIDIA GPU that is cuDNN.

float32 is float32; TF32 is allowed where the case's dtype says tf32. Our b_h is PyTorch's input
bias; its other one is zero. Checked on the CPU; as a row beside our kernels it is for GPUs only so
far, because on a CPU two libraries' thread pools in one process slow each other down.
"""

import math
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import jax
import ml_dtypes
import numpy as np

from bench import inputs
from bench.formats import FORMATS
from bench.inputs import Inputs
from bench.peers.contract import Peer
from bench.plan import Case
from bench.programs import Pairs, forward_pairs, train_pairs
from bench.subject import Subject

BFLOAT16_SINCE = 91300  # of cuDNN


def unavailable(platform: str) -> str | None:
    """Needs torch, and a GPU that torch can use."""
    if platform != "gpu":
        return "measured on GPU only: on a CPU it would share its cores with JAX's threads"
    if find_spec("torch") is None:
        return "torch is not installed"
    import torch

    return None if torch.cuda.is_available() else "torch is installed without CUDA"


def unsupported(case: Case) -> str | None:
    """torch.nn.RNN is the whole model, and has no backward pass apart."""
    if case.scope != "model":
        return "torch.nn.RNN always includes the input projection: see the model scope"
    if case.phase == "backward":
        return "timed as part of train only"
    return _too_old(case.dtype)


def _too_old(dtype: str) -> str | None:
    """torch falls back to a loop of its own where cuDNN refuses, and does not say so."""
    if dtype != "bfloat16":
        return None
    import torch

    cudnn = torch.backends.cudnn.version()
    if cudnn is not None and cudnn < BFLOAT16_SINCE:
        return f"cuDNN's bfloat16 RNN came with 9.13; this is {cudnn}"
    return None


def prepare(case: Case, device: str = "cuda") -> Subject:
    """The case in PyTorch, on its device; it compiles nothing."""
    import torch

    allowed = FORMATS[case.dtype].precision == "tf32"
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allowed
    made = inputs.make(case.workload, case.dtype)
    call, pairs = _PASSES[case.phase](_Model(case, made, device))
    return Subject(_waiting(call, device), pairs)


class _Model:
    """Layers with our weights, and our inputs and targets, as tensors."""

    def __init__(self, case: Case, made: Inputs, device: str):
        import torch

        self.case, self.made = case, made
        w, p = case.workload, made.params
        self.rnn = torch.nn.RNN(w.I, w.H, nonlinearity=case.activation)
        self.out = torch.nn.Linear(w.H, w.O)
        weights = {"weight_ih_l0": p.w_xh.T, "weight_hh_l0": p.w_hh.T, "bias_ih_l0": p.b_h}
        self.rnn.load_state_dict(
            {name: tensor(value) for name, value in weights.items()}
            | {"bias_hh_l0": torch.zeros(w.H)}
        )
        self.out.load_state_dict({"weight": tensor(p.w_ho.T), "bias": tensor(p.b_o)})
        dtype = getattr(torch, FORMATS[case.dtype].storage)
        self.rnn, self.out = (layer.to(device, dtype) for layer in (self.rnn, self.out))
        self.rnn.flatten_parameters()
        self.x, self.h0 = tensor(made.x).to(device), tensor(made.h0)[None].to(device)
        self.y_target = tensor(made.targets.y).to(device)
        self.h_target = tensor(made.targets.h[-1]).to(device)

    def __call__(self) -> tuple[Any, Any, Any]:
        """Outputs, last state, all states."""
        h, h_last = self.rnn(self.x, self.h0)
        return self.out(h), h_last[0], h


def _forward(model: _Model) -> tuple[Callable[[], Any], Callable[[Any], Pairs]]:
    import torch

    model.rnn.eval()  # in training cuDNN keeps what a backward pass would need

    def call():
        with torch.inference_mode():
            return model()

    def pairs(results):
        y, h_last, _ = map(array, results)
        return forward_pairs(model.case, (y, h_last))

    return call, pairs


def _train(model: _Model) -> tuple[Callable[[], Any], Callable[[Any], Pairs]]:
    """Value and gradient of the loss of `bench.programs`, with respect to our five parameters."""
    import torch

    rnn, out = model.rnn, model.out
    rnn.bias_hh_l0.requires_grad_(False)
    parameters = (rnn.weight_ih_l0, rnn.weight_hh_l0, rnn.bias_ih_l0, out.weight, out.bias)

    def call():
        y, h_last, h = model()
        loss = _half_mean_square(y, model.y_target) + _half_mean_square(h_last, model.h_target)
        return (y.detach(), h_last.detach(), h.detach()), torch.autograd.grad(loss, parameters)

    def pairs(results):
        (y, h_last, h), gradients = jax.tree.map(array, results)
        w_xh, w_hh, b_h, w_ho, b_o = gradients
        ours = w_xh.T, w_hh.T, b_h, w_ho.T, b_o
        return train_pairs(model.case, model.made, (y, h_last), h, ours)

    return call, pairs


_PASSES = {"forward": _forward, "train": _train}


def _half_mean_square(got: Any, target: Any) -> Any:
    return 0.5 * ((got.float() - target) ** 2).sum() / max(math.prod(got.shape[:-1]), 1)


def _waiting(call: Callable[[], Any], device: str) -> Callable[[], Any]:
    import torch

    def wait():
        results = call()
        if device == "cuda":
            torch.cuda.synchronize()
        return results

    return wait


def tensor(value: jax.Array) -> Any:
    """A copy on the CPU; NumPy's bfloat16 is unknown to torch, its bits are not."""
    import torch

    host = np.array(value)
    if host.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(host.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(host)


def array(value: Any) -> np.ndarray:
    """Back again, widened to at least float32."""
    return value.float().cpu().numpy()


def versions() -> dict[str, str]:
    """torch's, and cuDNN's as torch reports it."""
    import torch

    return {"torch": torch.__version__, "cudnn": str(torch.backends.cudnn.version())}


PEER = Peer(unavailable, unsupported, prepare, versions)
