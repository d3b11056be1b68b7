"""Layers and directions as other libraries have them, forward first within each layer."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from bench.cases.case import Case
from bench.cases.inputs import Inputs
from kernels.convert import shared
from reference import CELLS


def halves(case: Case, inputs: Inputs, gates: dict[str, shared.Gates]) -> list[list[shared.Halves]]:
    """Every layer's weights, one of a direction, gate after gate."""
    cell, order = CELLS[case.cell], gates[case.cell]
    return [
        [shared.apart(cell, weights, order) for weights in layer if weights is not None]
        for layer in inputs.params.layers
    ]


def stacked(case: Case, states: Any) -> list[list[list[Float[Array, "B H"]]]]:
    """States of all layers, by layer, by what the cell carries, by direction."""
    w, parts = case.workload, len(CELLS[case.cell].states)
    flat = jax.tree.leaves(states)
    layers = [flat[n : n + w.ways * parts] for n in range(0, len(flat), w.ways * parts)]
    return [[layer[part::parts] for part in range(parts)] for layer in layers]


def flat(states: list[list[Any]]) -> tuple[Any, ...]:
    """Arrays (ways, B, H) of every part of every layer's state, as leaves in our order."""
    return tuple(part[way] for layer in states for way in range(len(layer[0])) for part in layer)


def inside(inputs: Inputs) -> Float[np.ndarray, "T B 1"] | None:
    """1 within each sequence and 0 in its padding, where our outputs are 0; None without any."""
    if inputs.lengths is None:
        return None
    steps = np.arange(len(inputs.x))[:, None]
    return (steps < np.asarray(inputs.lengths))[..., None].astype(np.float32)
