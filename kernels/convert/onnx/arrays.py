"""A recurrent node's arrays: held against each other, and as ours."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels.convert import shared
from kernels.convert.onnx.attributes import INPUTS, Recurrent
from kernels.model import arguments, checks
from reference import CELLS, Layer, Weights

WEIGHTS = ("W", "R", "B", "P")


def checked(node: Recurrent, inputs: Sequence[Any]) -> dict[str, Array | None]:
    """The node's inputs by name, None where they are left out.

    Raises TypeError and ValueError as `kernels.rnn` does for such arrays, ValueError for too many
    or for one that is missing.
    """
    names = INPUTS[node.operator]
    if len(inputs) > len(names):
        raise ValueError(f"{node.label} has {len(inputs)} inputs; expected at most {len(names)}")
    given = dict.fromkeys(names) | dict(zip(names, inputs, strict=False))
    for name in ("X", "W", "R"):
        if given[name] is None:
            raise ValueError(f"inputs has no {name}; expected it for {node.label}")
    sizes = hold(node, {name: each for name, each in given.items() if name != "sequence_lens"})
    lengths = arguments.lengths(given["sequence_lens"], sizes["T"], sizes["B"], "sequence_lens")
    return {name: each if each is None else jnp.asarray(each) for name, each in given.items()} | {
        "sequence_lens": lengths
    }


def hold(node: Recurrent, given: Mapping[str, Any]) -> checks.Sizes:
    """The sizes of all axes of those that are given. Raises as `checks.arrays` does."""
    gates = len(shared.ONNX[node.cells[0]])
    steps, states = ("B T", "B D") if node.batch_first else ("T B", "D B")
    axes = {
        "X": f"{steps} I",
        "W": f"D {gates}H I",
        "R": f"D {gates}H H",
        "B": f"D {2 * gates}H",
        "initial_h": f"{states} H",
        "initial_c": f"{states} H",
        "P": "D 3H",
    }
    named = {
        name: (each, f"{axes[name]} # of {node.label}")
        for name, each in given.items()
        if each is not None
    }
    return checks.arrays(named, {"D": len(node.cells), "H": node.H})


def weights(
    node: Recurrent,
    W: Float[Array, "D G I"],
    R: Float[Array, "D G H"],
    B: Float[Array, "D X"] | None,
) -> tuple[Weights, ...]:
    """Those of each direction."""
    B = jnp.zeros((len(W), 2 * W.shape[1]), W.dtype) if B is None else B
    return tuple(
        shared.together(
            CELLS[cell],
            shared.Halves(w.T, r.T, *jnp.split(b, 2)),
            shared.ONNX[cell],
        )
        for cell, w, r, b in zip(node.cells, W, R, B, strict=True)
    )


def layer(reverse: bool, each: Any) -> Layer:
    """A layer that has it for one direction."""
    return Layer(None, each) if reverse else Layer(each)
