"""FlashRNN's Elman network in its fused CUDA kernel (Pöppel et al., arXiv:2412.07752).

Where its package is installed; it compiles its kernel at the first call, with nvcc. **Not yet run
on a GPU.** Its weights and layout are checked on the CPU, in its own plain PyTorch backend.
"""

from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from bench.cases.case import Case
from bench.cases.dtypes import FORMATS
from bench.cases.inputs import make_inputs
from bench.contenders.peers import peer, torch_model
from bench.contenders.peers.peer import Peer, Runnable
from bench.contenders.subject import Subject


def unavailable(platform: str) -> str | None:
    """Needs the package and an NVIDIA GPU."""
    if find_spec("flashrnn") is None:
        return "flashrnn is not installed"
    return None if platform == "gpu" else f"needs an NVIDIA GPU; this is {platform}"


def unsupported(case: Case) -> str | None:
    """Its Elman network is one of tanh, and its float32 products are TF32 ones."""
    if case.activation != "tanh":
        return "FlashRNN's Elman network has tanh only: see --activation tanh"
    return "it multiplies float32 as TF32: see that dtype" if case.dtype == "float32" else None


def prepare(case: Case) -> Subject:
    """In this process: on a GPU it has no threads."""
    return peer.subject(case, build(case))


def build(case: Case, device: str = "cuda", backend: str = "cuda_fused") -> Runnable:
    """The case in FlashRNN, on its device."""
    return torch_model.runnable(case, _Model(case, device, backend), device)


class _Model:
    """A `torch_model.Model`. FlashRNN has no projections: they are PyTorch's.

    Its arrays have axes of one gate and one head: Wx (T, B, 1, 1, H), R (1, 1, H, H) with the
    output before the input, b (1, 1, H), and of one state: (1, T, B, 1, H).
    """

    def __init__(self, case: Case, device: str, backend: str):
        from flashrnn import FlashRNNConfig

        w, p = case.workload, make_inputs(case.workload, case.dtype).params
        ours = p.w_xh.T, p.w_hh.T[None, None], p.b_h[None, None], p.w_ho.T, p.b_o
        tensors = (torch_model.on(device, value) for value in ours)
        self.parameters = tuple(tensor.contiguous().requires_grad_() for tensor in tensors)
        self._config = FlashRNNConfig(
            backend=backend,
            function="elman",
            dtype=FORMATS[case.dtype].storage,
            batch_size=w.B,
            num_heads=1,
            head_dim=w.H,
            input_shape="TBGHD",
            output_shape="STBHD",
        )

    def __call__(self, x: Any, h0: Any) -> tuple[Any, Any, Any]:
        from flashrnn import flashrnn
        from torch.nn.functional import linear

        w_xh, r, b_h, w_ho, b_o = self.parameters
        wx = linear(x, w_xh)[:, :, None, None]
        states, last = flashrnn(wx, r, b_h, h0[None, None, :, None], config=self._config)
        h = states[0, :, :, 0]
        return linear(h, w_ho, b_o), last[0, 0, :, 0], h

    def ours(self, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        w_xh, r, b_h, w_ho, b_o = gradients
        return w_xh.T, r[0, 0].T, b_h[0, 0], w_ho.T, b_o


def versions() -> dict[str, str]:
    """FlashRNN's; torch's are torch's."""
    return {"flashrnn": version("flashrnn")}


PEER = Peer(unavailable, unsupported, prepare, versions)
