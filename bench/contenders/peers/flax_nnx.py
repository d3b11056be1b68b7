"""Flax's `nnx.RNN` of a `SimpleCell` with a linear output layer.

It is JAX, so it compiles as our kernels do, runs in this process and has no threads of its own.
"""

from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import jax
from jaxtyping import Array, Float, PyTree

from bench.cases.case import Case
from bench.cases.dtypes import FORMATS
from bench.cases.inputs import Inputs, make_inputs
from bench.cases.programs import Pairs, Program, half_mean_square
from bench.contenders.peers import peer
from bench.contenders.peers.peer import Outputs, Peer
from bench.contenders.subject import Subject, compiled
from kernels import convert
from kernels.contract import current_platform
from reference import Params

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
    model = _Model(case, make_inputs(case.workload, case.dtype))
    return compiled({"forward": model.forward, "train": model.train}[case.phase]())


class _Model:
    """Flax's layers as a function of their weights, on our inputs."""

    def __init__(self, case: Case, inputs: Inputs):
        from flax import nnx

        self._nnx, self._case, self._inputs = nnx, case, inputs
        layers = convert.to_flax(inputs.params, case.activation)
        self._graph, self._weights, self._rest = nnx.split(layers, nnx.Param, ...)

    def _layers(self, weights: PyTree) -> tuple[Any, Any]:
        return self._nnx.merge(self._graph, weights, self._rest)

    def _run(
        self, weights: PyTree, x: Float[Array, "T B I"], h0: Float[Array, "B H"]
    ) -> tuple[Float[Array, "T B O"], Float[Array, "B H"], Float[Array, "T B H"]]:
        """Outputs, last state, all states."""
        rnn, linear = self._layers(weights)
        with jax.default_matmul_precision(PRODUCTS[FORMATS[self._case.dtype].precision]):
            h_last, h = rnn(x, initial_carry=h0, return_carry=True)
            return linear(h), h_last, h

    def forward(self) -> Program:
        def run(weights, x, h0):
            return self._run(weights, x, h0)[:2]

        def pairs(results):
            return peer.pairs(self._case, Outputs(*results))

        return Program(run, (self._weights, self._inputs.x, self._inputs.h0), pairs)

    def train(self) -> Program:
        """Value and gradient of the loss of `bench.cases.programs`."""
        inputs = self._inputs

        def loss(weights, x, h0, y_target, h_target):
            y, h_last, _ = self._run(weights, x, h0)
            value = half_mean_square(y, y_target) + half_mean_square(h_last, h_target)
            return value, (y, h_last)

        arguments = self._weights, inputs.x, inputs.h0, inputs.targets.y, inputs.targets.h[-1]
        return Program(jax.value_and_grad(loss, has_aux=True), arguments, self._trained)

    def _trained(self, results: PyTree) -> Pairs:
        (_, (y, h_last)), slopes = results
        h = jax.jit(self._run)(self._weights, self._inputs.x, self._inputs.h0)[2]
        gradients: Params = convert.from_flax(*self._layers(slopes))
        return peer.pairs(self._case, Outputs(y, h_last, h, gradients))


def versions() -> dict[str, str]:
    """Flax's."""
    return {"flax": version("flax")}


PEER = Peer(unavailable, unsupported, prepare, versions)
