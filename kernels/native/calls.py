"""The library's handlers as the two halves of a kernel, and as those of the whole layer.

A handler takes a state as two arrays: h, and all that the cell carries beside it.
"""

from collections.abc import Iterable
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

    @opaque(f"t b x, h r, s, b h, n b h, {axis(lengths)} -> t b h, b h, n b h, k b g")
    def call(*arrays):
        pre, _, _, *initial, _ = arrays
        (T, B, _), H = pre.shape, initial[0].shape[1]
        shapes = [(T, B, H), *shapes_of(initial), _saved(run, T, B, H, keep)]
        return call_handler("recurrence_forward", run, shapes, *arrays)

    h, *last, saved = call(pre, *weights, *as_arrays(initial), as_array(lengths))
    return Steps(h, as_state(*last), saved)


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

    @opaque(
        f"t b h, b h, n b h, t b h, k b g, h r, b h, n b h, {axis(lengths)}"
        " -> t b x, h r, s, b h, n b h"
    )
    def call(*arrays):
        T, B, H = arrays[0].shape
        shapes = [(T, B, run.cell.from_x * H), *gradients, *shapes_of(arrays[1:3])]
        return call_handler("recurrence_backward", run, shapes, *arrays)

    of_steps = *as_arrays(dlast), steps.h, steps.saved, weights.w_h, *as_arrays(initial)
    dpre, dw_h, db_h, *dinitial = call(dh, *of_steps, as_array(lengths))
    return Slopes(dpre, as_state(*dinitial), Recurrent(dw_h, db_h))


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

    @opaque(
        f"i x, h r, s, h o, o, t b i, b h, n b h, {axis(lengths)}"
        " -> t b o, b h, n b h, l b h, k b g"
    )
    def call(*arrays):
        *_, b_o, x, h_0, carried_0, _ = arrays
        (T, B, _), H = x.shape, h_0.shape[1]
        kept = (T if keep or readout is None else 0, B, H)
        last = shapes_of((h_0, carried_0))
        shapes = [(T, B, len(b_o)), *last, kept, _saved(run, T, B, H, keep)]
        return call_handler("layer_forward", run, shapes, *arrays)

    operands = *_or_nothing(readout, weights), x, *as_arrays(initial), as_array(lengths)
    y, h_last, carried_last, h, saved = call(*weights, *operands)
    return h if readout is None else y, Steps(h, as_state(h_last, carried_last), saved)


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
        f"i x, h r, h o, t b i, b h, n b h, {axis(lengths)}, t b h, k b g, t b {out}, b h, n b h"
        " -> i x, h r, s, h o, o, q b h, m b h, l b i"
    )
    def call(*arrays):
        x, h_0, carried_0 = arrays[3:6]
        dh_0 = (int(with_dinitial), *h_0.shape)
        dcarried_0 = (len(carried_0) if with_dinitial else 0, *h_0.shape)
        dx = (len(x) if with_dx else 0, *x.shape[1:])
        return call_handler("layer_backward", run, [*gradients, dh_0, dcarried_0, dx], *arrays)

    before = x, *as_arrays(initial), as_array(lengths)
    of_steps = *before, steps.h, steps.saved, dy, *as_arrays(dlast)
    *made, dh_0, dcarried_0, dx = call(weights.w_x, weights.w_h, read.w, *of_steps)
    return WholeGradients(
        Weights(*made[:3]),
        readout and Readout(*made[3:]),
        x=dx if with_dx else None,
        initial=as_state(dh_0[0], dcarried_0) if with_dinitial else None,
    )


def _or_nothing(readout: Readout | None, weights: Weights) -> Readout:
    """The readout, or one of no outputs: a handler then gives h, and takes its derivatives."""
    if readout is not None:
        return readout
    return Readout(w=weights.w_h[:, :0], b=weights.b[:0])


def as_arrays(state: State) -> tuple[Float[Array, "B H"], Float[Array, "N B H"]]:
    """h, and what is carried beside it, of which there may be nothing."""
    h, *carried = state
    return h, jnp.stack(carried) if carried else jnp.zeros((0, *h.shape), h.dtype)


def as_state(h: Float[Array, "B H"], carried: Float[Array, "N B H"]) -> State:
    return h, *carried


def shapes_of(arrays: Iterable[Array]) -> list[tuple[int, ...]]:
    return [array.shape for array in arrays]


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
