"""The library's handlers as the two halves of a kernel, and as those of the whole layer.

A handler takes a state as one array: h, then what the cell carries beside it.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from kernels.common.opaque import opaque
from kernels.common.sharding import result_like
from kernels.contract import Recurrent, Run, Slopes, State, Steps, WholeGradients
from kernels.native import compiler, handlers
from reference import Readout, Weights


def forward(
    run: Run,
    pre: Float[Array, "T B X"],
    weights: Recurrent,
    initial: State,
    lengths: Int[Array, "B"] | None,
    *,
    keep: bool,
) -> Steps:
    """`kernels.contract.Forward`."""

    @opaque(f"t b x, h r, s, n b h, {axis(lengths)} -> t b h, n b h, k b g")
    def call(*arrays):
        pre, _, _, initial, _ = arrays
        (T, B, _), H = pre.shape, initial.shape[2]
        shapes = [(T, B, H), initial.shape, _saved(run, T, B, H, keep)]
        return call_handler("recurrence_forward", run, shapes, *arrays)

    h, last, saved = call(pre, *weights, jnp.stack(initial), as_array(lengths))
    return Steps(h, tuple(last), saved)


def backward(
    run: Run,
    dh: Float[Array, "T B H"],
    dlast: State,
    steps: Steps,
    weights: Recurrent,
    initial: State,
    lengths: Int[Array, "B"] | None,
) -> Slopes:
    """`kernels.contract.Backward`, with the gradient of the weights."""
    gradients = [leaf.shape for leaf in weights]

    @opaque(f"t b h, n b h, t b h, k b g, h r, n b h, {axis(lengths)} -> t b x, h r, s, n b h")
    def call(*arrays):
        T, B, H = arrays[0].shape
        shapes = [(T, B, run.cell.from_x * H), *gradients, arrays[1].shape]
        return call_handler("recurrence_backward", run, shapes, *arrays)

    states = jnp.stack(dlast), steps.h, steps.saved, weights.w_h, jnp.stack(initial)
    dpre, *dweights, dinitial = call(dh, *states, as_array(lengths))
    return Slopes(dpre, tuple(dinitial), Recurrent(*dweights))


def layer_forward(
    run: Run,
    weights: Weights,
    readout: Readout | None,
    x: Float[Array, "T B I"],
    initial: State,
    lengths: Int[Array, "B"] | None,
    *,
    keep: bool,
) -> tuple[Float[Array, "T B O"], Steps]:
    """`kernels.contract.WholeForward`: both projections and the recurrence in one call."""

    @opaque(f"i x, h r, s, h o, o, t b i, n b h, {axis(lengths)} -> t b o, n b h, l b h, k b g")
    def call(*arrays):
        *_, b_o, x, initial, _ = arrays
        (T, B, _), H = x.shape, initial.shape[2]
        kept = (T if keep or readout is None else 0, B, H)
        shapes = [(T, B, len(b_o)), initial.shape, kept, _saved(run, T, B, H, keep)]
        return call_handler("layer_forward", run, shapes, *arrays)

    operands = *_or_nothing(readout, weights), x, jnp.stack(initial), as_array(lengths)
    y, last, h, saved = call(*weights, *operands)
    return h if readout is None else y, Steps(h, tuple(last), saved)


def layer_backward(
    run: Run,
    weights: Weights,
    readout: Readout | None,
    x: Float[Array, "T B I"],
    initial: State,
    lengths: Int[Array, "B"] | None,
    steps: Steps,
    dy: Float[Array, "T B O"],
    dlast: State,
    *,
    with_dx: bool,
    with_dinitial: bool,
) -> WholeGradients:
    """`kernels.contract.WholeBackward`: every gradient in one call."""
    read = _or_nothing(readout, weights)
    gradients = [leaf.shape for leaf in (*weights, *read)]

    out = "h" if readout is None else "o"

    @opaque(
        f"i x, h r, h o, t b i, n b h, {axis(lengths)}, t b h, k b g, t b {out}, n b h"
        " -> i x, h r, s, h o, o, m b h, l b i"
    )
    def call(*arrays):
        needs = zip(arrays[3:5], (with_dx, with_dinitial), strict=True)
        dx, dinitial = ((len(of) if needed else 0, *of.shape[1:]) for of, needed in needs)
        return call_handler("layer_backward", run, [*gradients, dinitial, dx], *arrays)

    of_steps = x, jnp.stack(initial), as_array(lengths), steps.h, steps.saved, dy, jnp.stack(dlast)
    *made, dinitial, dx = call(weights.w_x, weights.w_h, read.w, *of_steps)
    return WholeGradients(
        Weights(*made[:3]),
        readout and Readout(*made[3:]),
        x=dx if with_dx else None,
        initial=tuple(dinitial) if with_dinitial else None,
    )


def _or_nothing(readout: Readout | None, weights: Weights) -> Readout:
    """The readout, or one of no outputs: a handler then gives h, and takes its derivatives."""
    if readout is not None:
        return readout
    return Readout(w=weights.w_h[:, :0], b=weights.b[:0])


def axis(lengths: Int[Array, "B"] | None) -> str:
    """That of the lengths, of which a handler takes none for sequences that are whole."""
    return "e" if lengths is None else "b"


def as_array(lengths: Int[Array, "B"] | None) -> Int[Array, "E"]:
    return jnp.zeros(0, jnp.int32) if lengths is None else lengths


def _saved(run: Run, T: int, B: int, H: int, keep: bool) -> tuple[int, int, int]:
    """The shape of what the backward pass reads beside h: c, then what the cell saves."""
    numbers = len(run.cell.carried) + len(run.cell.saved)
    return (T if keep and numbers else 0, B, numbers * H)


def call_handler(
    handler: str, run: Run, output_shapes: list[tuple[int, ...]], *arrays: Array
) -> tuple[Array, ...]:
    """Run a handler on arrays whose first has the storage dtype, as results have."""
    name = handlers.handler_name(handler, run.cell.name, arrays[0].dtype.name, compiler.target())
    results = list(map(partial(result_like, arrays[0]), output_shapes))
    return tuple(jax.ffi.ffi_call(name, results)(*arrays, reverse=run.reverse))
