"""Flax's `nnx.RNN` of its cells, or two in an `nnx.Bidirectional`, with a linear output layer.

With lengths it goes through the padding, too; outputs of padded steps are then set to 0.
It is JAX, so it compiles as our kernels do, runs in this process and has no threads of its own.
"""

from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import jax
from jaxtyping import Array, Float, Int, PyTree

from bench.cases.case import Case
from bench.cases.dtypes import FORMATS
from bench.cases.inputs import Inputs
from bench.cases.programs import Pairs, Program, inputs_of, loss_of
from bench.contenders.peers import directions, peer
from bench.contenders.peers.peer import Outputs, Peer
from bench.contenders.subject import Subject, compiled
from kernels import convert
from kernels.contract import current_platform
from reference import CELLS, Params, Readout, Weights, single
from reference.cells import State

# What `precision` is to a product of Flax's, which has no such argument here.
PRODUCTS = {"full": "highest", "tf32": "tensorfloat32"}


def unavailable(platform: str) -> str | None:
    """Needs flax."""
    return None if find_spec("flax") else "flax is not installed"


def unsupported(case: Case) -> str | None:
    """TF32 is a GPU's."""
    return peer.no_tf32(case) if current_platform() != "gpu" else None


def prepare(case: Case) -> Subject:
    """Compiled as a kernel's program is."""
    model = _Model(case, inputs_of(case))
    return compiled({"forward": model.forward, "train": model.train}[case.phase]())


class _Model:
    """Flax's layers as a function of their weights, on our inputs."""

    def __init__(self, case: Case, inputs: Inputs):
        from flax import nnx

        self._nnx, self._case, self._inputs = nnx, case, inputs
        self._inside, layers = directions.inside(inputs), self._made(inputs.params)
        self._graph, self._weights, self._rest = nnx.split(layers, nnx.Param, ...)

    def _made(self, params: Params) -> tuple[Any, Any]:
        """One of Flax's layers for each of ours, and the readout."""
        layers = [[self._direction(each) for each in layer if each] for layer in params.layers]
        joined = [
            ways[0] if len(ways) == 1 else self._nnx.Bidirectional(*ways, time_major=True)
            for ways in layers
        ]
        return self._nnx.List(joined), _linear(self._nnx, params.readout)

    def _direction(self, weights: Weights) -> Any:
        return convert.to_flax(single(weights), cell=self._case.cell)[0]

    def _run(
        self, weights: PyTree, x: Float[Array, "T B I"], initial: PyTree, *ends: Int[Array, "B"]
    ) -> tuple[Float[Array, "T B O"], PyTree, tuple[Float[Array, "T B D"], ...]]:
        """Outputs, 0 in the padding, last states, every layer's h."""
        layers, linear = self._nnx.merge(self._graph, weights, self._rest)
        alone, h, last = self._case.workload.alone, [x], []
        options = {"return_carry": True, "seq_lengths": ends[0] if ends else None}
        with jax.default_matmul_precision(PRODUCTS[FORMATS[self._case.dtype].precision]):
            for layer, states in zip(layers, [(initial,)] if alone else initial, strict=True):
                carries = [self._turned(state) for state in states if state is not None]
                start = carries[0] if len(carries) == 1 else tuple(carries)
                after, outputs = layer(h[-1], initial_carry=start, **options)
                after = (after,) if len(carries) == 1 else after
                ways = tuple(self._turned_back(each) for each in after)
                last.append((*ways, *[None] * (2 - len(ways))))
                h.append(outputs)
            y = linear(h[-1])
        y = y if self._inside is None else y * self._inside.astype(y.dtype)
        return y, last[0][0] if alone else tuple(last), tuple(h[1:])

    def _turned(self, state: State) -> Any:
        """Flax carries (c, h), or h alone."""
        return state[::-1] if CELLS[self._case.cell].carried else state[0]

    def _turned_back(self, carry: Any) -> State:
        return carry[::-1] if CELLS[self._case.cell].carried else (carry,)

    def forward(self) -> Program:
        def run(weights, x, initial, *ends):
            return self._run(weights, x, initial, *ends)[:2]

        def pairs(results):
            return peer.pairs(self._case, Outputs(*results))

        return Program(run, (self._weights, *self._inputs.model[1:]), pairs)

    def train(self) -> Program:
        """Value and gradient of the loss of `bench.cases.programs`."""
        inputs = self._inputs

        def loss(weights, x, initial, targets, *ends):
            outputs = self._run(weights, x, initial, *ends)[:2]
            return loss_of(outputs, targets), outputs

        arguments = self._weights, inputs.x, inputs.initial, inputs.targets, *inputs.ends
        return Program(jax.value_and_grad(loss, has_aux=True), arguments, self._trained)

    def _trained(self, results: PyTree) -> Pairs:
        (_, (y, last)), slopes = results
        h = jax.jit(self._run)(self._weights, *self._inputs.model[1:])[2]
        return peer.pairs(self._case, Outputs(y, last, h, self._ours(slopes)))

    def _ours(self, slopes: PyTree) -> PyTree:
        """Gradients by our params: Flax's weights are linear in them, and this the transpose."""

        def in_flax(params):
            return self._nnx.state(self._made(params), self._nnx.Param)

        return jax.vjp(in_flax, self._inputs.params)[1](slopes)[0]


def _linear(nnx: Any, readout: Readout) -> Any:
    dtype, zeros = readout.w.dtype, nnx.initializers.zeros_init()
    options = {"dtype": dtype, "param_dtype": dtype, "kernel_init": zeros}
    linear = nnx.Linear(*readout.w.shape, rngs=nnx.Rngs(0), **options)
    linear.kernel, linear.bias = nnx.Param(readout.w), nnx.Param(readout.b)
    return linear


def versions() -> dict[str, str]:
    """Flax's."""
    return {"flax": version("flax")}


PEER = Peer(unavailable, unsupported, prepare, versions)
