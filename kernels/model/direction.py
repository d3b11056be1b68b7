"""One direction of one layer around a kernel's two halves, and its gradients.

Only the recurrence is a kernel's own. Projections and weight gradients are ordinary products over
all T B rows, which XLA does well for every kernel; one that gains by taking the whole layer has a
`Whole`, which is then all that runs.
"""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from kernels.common.numerics import dot, sum_of_outer
from kernels.common.sequences import before, without_padding
from kernels.contract import Kernel, Recurrent, Run, State
from kernels.model import uneven
from kernels.model.whole import whole
from reference import Readout, Weights

Lengths = Int[Array, "B"] | None
Outputs = tuple[Float[Array, "T B O"], State]
AllStates = tuple[Float[Array, "T B H"], State]


@dataclass(frozen=True)
class Method:
    """Which kernel runs what: static under jit."""

    kernel: Kernel
    run: Run
    packed: bool = False  # weights and readout are as the kernel packed them

    def handles(self, lengths: Lengths) -> bool:
        """Whether the kernel itself goes this way, over sequences of these lengths."""
        needs = {"reverse"} if self.run.reverse else set()
        return needs | ({"lengths"} if lengths is not None else set()) <= self.kernel.handles

    def known(self, lengths: Lengths) -> Lengths:
        """The lengths that the kernel itself is given."""
        return lengths if "lengths" in self.kernel.handles else None

    def dot(self, a: Float[Array, "*M K"], b: Float[Array, "K N"]) -> Float[Array, "*M N"]:
        """a b, as `precision` has it."""
        return dot(a, b, self.run.precision)

    def read_out(
        self, readout: Readout | None, h: Float[Array, "T B D"], lengths: Lengths
    ) -> Float[Array, "T B O"]:
        """y = h w + b, 0 in the padding; h itself without a readout."""
        if readout is None:
            return h
        return without_padding((self.dot(h, readout.w) + readout.b).astype(h.dtype), lengths)


def direction(
    method: Method,
    weights: Weights,
    readout: Readout | None,
    x: Float[Array, "T B I"],
    initial: State,
    lengths: Lengths,
) -> Outputs:
    """Outputs of every step, 0 in the padding, and the last state."""
    if method.packed:
        return _packed(method, weights, readout, x, initial, lengths)
    if method.kernel.whole is not None and len(x) and method.handles(lengths):
        operands = _flat(weights), readout and _flat(readout), x, initial, lengths
        return whole(method.kernel.whole, method.run, *operands)
    from_x = weights.w_x.shape[1]
    b_x, b_h = jnp.split(weights.b.reshape(-1), [from_x])
    x = without_padding(x, lengths)
    pre = (method.dot(x, weights.w_x) + b_x).astype(x.dtype)
    h, last = states(method, pre, Recurrent(weights.w_h, b_h), initial, lengths)
    return method.read_out(readout, h, lengths), last


def _packed(
    method: Method,
    weights: Weights,
    readout: Readout | None,
    x: Float[Array, "T B I"],
    initial: State,
    lengths: Lengths,
) -> Outputs:
    if not len(x):
        outputs = initial[0].shape[1] if readout is None else len(readout.b)
        return jnp.zeros((0, x.shape[1], outputs), x.dtype), initial
    packing = method.kernel.whole.packing
    return packing.forward(method.run, weights, readout, x, initial, lengths)


def _flat[Part: (Weights, Readout)](part: Part) -> Part:
    """The same, its bias with one axis."""
    return part._replace(b=part.b.reshape(-1))


def states(
    method: Method,
    pre: Float[Array, "T B X"],
    weights: Recurrent,
    initial: State,
    lengths: Lengths = None,
) -> AllStates:
    """All states h, 0 in the padding, and the last state, from pre-activations."""
    if not len(pre):
        return pre[..., : initial[0].shape[1]], initial
    halves = _forward if method.kernel.backward is None else _differentiable
    if method.handles(lengths):
        return halves(method, pre, weights, initial, lengths)
    plain = replace(method, run=replace(method.run, reverse=False))

    def ahead(pre, start):
        return halves(plain, pre, weights, start, lengths)

    return uneven.states(ahead, method.run, pre, initial, lengths)


def _forward(
    method: Method,
    pre: Float[Array, "T B X"],
    weights: Recurrent,
    initial: State,
    lengths: Lengths,
) -> AllStates:
    known = method.known(lengths)
    return method.kernel.forward(method.run, pre, weights, initial, known, keep=False)[:2]


_differentiable = jax.custom_vjp(_forward, nondiff_argnums=(0,))


def _states_fwd(method, pre, weights, initial, lengths):
    known = method.known(lengths)
    steps = method.kernel.forward(method.run, pre, weights, initial, known, keep=True)
    return steps[:2], (steps, weights, initial, lengths)


def _states_bwd(method, residuals, cotangents):
    steps, weights, initial, lengths = residuals
    given = steps, weights, initial, method.known(lengths)
    slopes = method.kernel.backward(method.run, *cotangents, *given)
    dweights = slopes.weights
    if dweights is None:
        # An infinite state that padding starts from does not meet its derivatives, which are 0.
        states = without_padding(before(method.run, steps.h, initial[0], lengths), lengths)
        dweights = _of_weights(method, states, weights, slopes.slots)
    from_x = slopes.slots[..., : method.run.cell.from_x * len(weights.w_h)]
    return from_x, dweights, slopes.initial, None


def _of_weights(
    method: Method,
    states: Float[Array, "T B H"],
    weights: Recurrent,
    dslots: Float[Array, "T B S"],
) -> Recurrent:
    """The gradient of the weights, from the state before each step and what its slots pass back."""
    from_h = weights.w_h.shape[1]
    dw_h = sum_of_outer(states, dslots[..., dslots.shape[2] - from_h :], method.run.precision)
    own = dslots[..., dslots.shape[2] - len(weights.b_h) :]
    return Recurrent(dw_h.astype(dslots.dtype), own.sum((0, 1)))


_differentiable.defvjp(_states_fwd, _states_bwd)
