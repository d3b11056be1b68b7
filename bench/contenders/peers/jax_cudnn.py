"""cuDNN's LSTM from JAX: `jax.experimental.rnn.lstm`, with a linear output layer.

It is JAX, so it compiles as our kernels do. **Not yet run on a GPU.** Its weights and layout are
checked on the CPU, with the plain reference that JAX has beside it.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from bench.cases.case import Case
from bench.cases.dtypes import FORMATS
from bench.cases.programs import Pairs, Program, half_mean_square, inputs_of
from bench.contenders.peers import peer
from bench.contenders.peers.peer import Outputs, Peer
from bench.contenders.subject import Subject, compiled
from kernels.convert import shared
from reference import CELLS, Readout
from reference.cells import State

# What `precision` is to cuDNN here: anything but the highest allows TF32.
PRECISIONS = {"full": jax.lax.Precision.HIGHEST, "tf32": jax.lax.Precision.HIGH}


def unavailable(platform: str) -> str | None:
    """Needs an NVIDIA GPU; cuDNN comes with JAX's own CUDA packages."""
    return None if platform == "gpu" else f"needs an NVIDIA GPU; this is {platform}"


def unsupported(case: Case) -> str | None:
    """JAX has no other of cuDNN's cells, and no other dtype of this one."""
    if case.cell != "lstm":
        return "jax.experimental.rnn has cuDNN's LSTM only: see --cell lstm"
    if FORMATS[case.dtype].storage != "float32":
        return "jax.experimental.rnn takes float32 only"
    return peer.one_layer_only(case)


def prepare(case: Case) -> Subject:
    """Compiled as a kernel's program is."""
    from jax.experimental.rnn import lstm

    return build(case, lstm)


def build(case: Case, lstm: Callable[..., Any]) -> Subject:
    """The case with cuDNN's function, or one that is called in the same way."""
    return compiled(getattr(_Model(case, lstm), case.phase)())


class _Model:
    """The layer as a function of its packed weights and the readout.

    It has the batch first, in which its arrays are given and returned, so that none is transposed
    while it is timed.
    """

    def __init__(self, case: Case, lstm: Callable[..., Any]):
        self._case, self._lstm = case, lstm
        self._inputs = inputs = inputs_of(case)
        self._x, self._y_target = map(_swapped, (inputs.x, inputs.targets.y))
        self._weights = self._packed(inputs.params)

    def _packed(self, params: PyTree) -> tuple[Float[Array, "..."], Readout]:
        """All of cuDNN's in one: gates in rows, both weights, then both biases."""
        cell = self._case.cell
        halves = shared.apart(CELLS[cell], params.layers[0].forward, shared.TORCH[cell])
        return jnp.concatenate([each.T.ravel() for each in halves]), params.readout

    def _run(
        self, weights: PyTree, x: Float[Array, "B T I"], initial: State
    ) -> tuple[Float[Array, "B T O"], State, Float[Array, "B T H"]]:
        """Outputs, last state, all h."""
        w, (packed, readout) = self._case.workload, weights
        precision = PRECISIONS[FORMATS[self._case.dtype].precision]
        h, *last = self._lstm(
            x,
            *(each[None] for each in initial),
            packed,
            jnp.full(w.B, w.T, jnp.int32),
            input_size=w.I,
            hidden_size=w.H,
            num_layers=1,
            dropout=0.0,
            bidirectional=False,
            precision=precision,
        )
        y = jnp.dot(h, readout.w, precision=precision) + readout.b
        return y, tuple(each[0] for each in last), h

    def forward(self) -> Program:
        def run(weights, x, initial):
            return self._run(weights, x, initial)[:2]

        def pairs(results):
            y, last = results
            return peer.pairs(self._case, Outputs(_swapped(y), last))

        return Program(run, (self._weights, self._x, self._inputs.initial), pairs)

    def train(self) -> Program:
        """Value and gradient of the loss of `bench.cases.programs`."""

        def loss(weights, x, initial, y_target, last_target):
            y, last, h = self._run(weights, x, initial)
            states = sum(map(half_mean_square, last, last_target))
            return half_mean_square(y, y_target) + states, (y, last, h)

        inputs = self._inputs
        targets = self._y_target, inputs.targets.last
        arguments = self._weights, self._x, inputs.initial, *targets
        return Program(jax.value_and_grad(loss, has_aux=True), arguments, self._trained)

    def _trained(self, results: PyTree) -> Pairs:
        (_, (y, last, h)), slopes = results
        # cuDNN's weights are linear in ours, so this, the transpose, brings gradients back.
        ours = jax.vjp(self._packed, self._inputs.params)[1](slopes)[0]
        return peer.pairs(self._case, Outputs(_swapped(y), last, (_swapped(h),), ours))


def _swapped(array: Float[Array, "T B N"]) -> Float[Array, "B T N"]:
    """Time and batch, either way."""
    return jnp.swapaxes(array, 0, 1)


def versions() -> dict[str, str]:
    """JAX's, which a result names anyway."""
    return {}


PEER = Peer(unavailable, unsupported, prepare, versions)
