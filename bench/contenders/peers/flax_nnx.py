"""Flax's `nnx.RNN` of its cells with a linear output layer.

It is JAX, so it compiles as our kernels do, runs in this process and has no threads of its own.
"""

from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import jax
from jaxtyping import Array, Float, PyTree

from bench.cases.case import Case
from bench.cases.dtypes import FORMATS
from bench.cases.inputs import Inputs
from bench.cases.programs import Pairs, Program, half_mean_square, inputs_of
from bench.contenders.peers import peer
from bench.contenders.peers.peer import Outputs, Peer
from bench.contenders.subject import Subject, compiled
from kernels import convert
from kernels.contract import current_platform
from reference import CELLS
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
        layers = convert.to_flax(inputs.params, cell=case.cell)
        self._graph, self._weights, self._rest = nnx.split(layers, nnx.Param, ...)

    def _layers(self, weights: PyTree) -> tuple[Any, Any]:
        return self._nnx.merge(self._graph, weights, self._rest)

    def _run(
        self, weights: PyTree, x: Float[Array, "T B I"], initial: State
    ) -> tuple[Float[Array, "T B O"], State, Float[Array, "T B H"]]:
        """Outputs, last state, all h. Flax carries (c, h), or h alone."""
        rnn, linear = self._layers(weights)
        carries = bool(CELLS[self._case.cell].carried)
        with jax.default_matmul_precision(PRODUCTS[FORMATS[self._case.dtype].precision]):
            carry = initial[::-1] if carries else initial[0]
            last, h = rnn(x, initial_carry=carry, return_carry=True)
            return linear(h), last[::-1] if carries else (last,), h

    def forward(self) -> Program:
        def run(weights, x, initial):
            return self._run(weights, x, initial)[:2]

        def pairs(results):
            return peer.pairs(self._case, Outputs(*results))

        return Program(run, (self._weights, self._inputs.x, self._inputs.initial), pairs)

    def train(self) -> Program:
        """Value and gradient of the loss of `bench.cases.programs`."""
        inputs = self._inputs

        def loss(weights, x, initial, targets):
            y, last, _ = self._run(weights, x, initial)
            states = sum(map(half_mean_square, last, targets.last))
            return half_mean_square(y, targets.y) + states, (y, last)

        arguments = self._weights, inputs.x, inputs.initial, inputs.targets
        return Program(jax.value_and_grad(loss, has_aux=True), arguments, self._trained)

    def _trained(self, results: PyTree) -> Pairs:
        (_, (y, last)), slopes = results
        h = jax.jit(self._run)(self._weights, self._inputs.x, self._inputs.initial)[2]
        return peer.pairs(self._case, Outputs(y, last, h, self._ours(slopes)))

    def _ours(self, slopes: PyTree) -> PyTree:
        """Gradients by our params: Flax's weights are linear in them, and this the transpose."""

        def in_flax(params):
            return self._nnx.state(convert.to_flax(params, cell=self._case.cell), self._nnx.Param)

        return jax.vjp(in_flax, self._inputs.params)[1](slopes)[0]


def versions() -> dict[str, str]:
    """Flax's."""
    return {"flax": version("flax")}


PEER = Peer(unavailable, unsupported, prepare, versions)
