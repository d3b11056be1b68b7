"""FlashRNN's Elman network, GRU and LSTM in its CUDA kernels (Pöppel et al., arXiv:2412.07752).

Where its package is installed; it compiles its kernel at the first call, with nvcc: the fused one,
but for a GRU the one that alternates with a matrix product. **Not yet run on a GPU.** Its weights
and layout are checked on the CPU, in its own plain PyTorch backend.
"""

from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from bench.cases.case import Case
from bench.cases.dtypes import FORMATS
from bench.cases.programs import inputs_of
from bench.contenders.peers import peer, torch_model
from bench.contenders.peers.peer import Peer, Runnable
from bench.contenders.subject import Subject
from kernels.convert.shared import columns
from reference import CELLS, Readout, Weights

# Its name for each cell, and the cell's slots in its order: its own first, those of x last.
FUNCTIONS = {
    "tanh": ("elman", ("pre",)),
    "gru": ("gru", ("n_h", "r", "z", "n_x")),
    "lstm": ("lstm", ("i", "f", "g", "o")),
}


def unavailable(platform: str) -> str | None:
    """Needs the package and an NVIDIA GPU."""
    if find_spec("flashrnn") is None:
        return "flashrnn is not installed"
    return None if platform == "gpu" else f"needs an NVIDIA GPU; this is {platform}"


def unsupported(case: Case) -> str | None:
    """Its Elman network is one of tanh, and its float32 products are TF32 ones."""
    if case.cell not in FUNCTIONS:
        return "FlashRNN's Elman network has tanh only: see --cell tanh"
    if case.dtype == "float32":
        return "it multiplies float32 as TF32: see that dtype"
    return peer.one_layer_only(case)


def prepare(case: Case) -> Subject:
    """In this process: on a GPU it has no threads."""
    return peer.subject(case, build(case))


def build(case: Case, device: str = "cuda", backend: str = "cuda_fused") -> Runnable:
    """The case in FlashRNN, on its device."""
    return torch_model.runnable(case, _Model(case, device, backend), device)


class _Model(torch_model.OneLayer):
    """A `torch_model.Model`. FlashRNN has no projections: they are PyTorch's.

    Its arrays have axes of gates G and one head: Wx (T, B, G, 1, H), R (G, 1, H, H) with the output
    before the input, b (S, 1, H); states are (states, T, B, 1, H).
    """

    def __init__(self, case: Case, device: str, backend: str):
        from flashrnn import FlashRNNConfig

        w, self._cell = case.workload, CELLS[case.cell]
        function, slots = FUNCTIONS[case.cell]
        of_x, of_h = self._cell.from_x, self._cell.from_h
        # Which slots the columns of each weight are for: ours, then theirs.
        self._orders = (
            (self._cell.slots[:of_x], slots[-of_x:]),
            (self._cell.slots[-of_h:], slots[:of_h]),
            (self._cell.slots, slots),
        )
        inputs = inputs_of(case)
        w_x, w_h, b = map(columns, inputs.weights, *zip(*self._orders, strict=True))
        readout = inputs.params.readout
        theirs = w_x.T, w_h.T.reshape(of_h, 1, w.H, w.H), b.reshape(-1, 1, w.H), readout.w.T
        tensors = map(partial(torch_model.on, device), (*theirs, readout.b))
        self.parameters = tuple(tensor.contiguous().requires_grad_() for tensor in tensors)
        self._config = FlashRNNConfig(
            backend=backend,
            function=function,
            dtype=FORMATS[case.dtype].storage,
            batch_size=w.B,
            num_heads=1,
            head_dim=w.H,
            input_shape="TBGHD",
            output_shape="STBHD",
        )

    def __call__(self, x: Any, start: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...], Any]:
        import torch
        from flashrnn import flashrnn
        from torch.nn.functional import linear

        w_x, r, b, w, b_out = self.parameters
        wx = linear(x, w_x).unflatten(-1, (self._cell.from_x, 1, -1))
        before = torch.stack(start)[:, None, :, None]
        states, last = flashrnn(wx, r, b, before, config=self._config)
        h = states[0, :, :, 0]
        return linear(h, w, b_out), tuple(last[:, 0, :, 0]), h

    def ours(self, gradients: tuple[Any, ...]) -> tuple[Weights, Readout]:
        w_x, r, b, w, b_out = gradients
        H = r.shape[-1]
        theirs = w_x.T, r.reshape(-1, H).T, b.reshape(-1)
        back = ((have, want) for want, have in self._orders)
        weights = map(columns, theirs, *zip(*back, strict=True))
        return Weights(*weights), Readout(w.T, b_out)


def versions() -> dict[str, str]:
    """FlashRNN's; torch's are torch's."""
    return {"flashrnn": version("flashrnn")}


PEER = Peer(unavailable, unsupported, prepare, versions)
