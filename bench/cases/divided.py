"""A case on several devices: each computes its rows of the batch, under `jax.shard_map`."""

from collections.abc import Callable
from functools import cache

import jax
from jax.sharding import AxisType, Mesh, NamedSharding
from jaxtyping import PyTree

from bench.cases.case import Case
from bench.cases.inputs import Inputs, Targets
from kernels.contract import current_platform

AXIS = "batch"
WHOLE, ROWS, SEQUENCES = jax.P(), jax.P(AXIS), jax.P(None, AXIS)  # where the batch lies in an array


@cache
def _mesh(devices: int) -> Mesh:
    kinds = (AxisType.Auto,)
    return jax.make_mesh((devices,), (AXIS,), axis_types=kinds, devices=jax.devices()[:devices])


def uneven(case: Case) -> str | None:
    """Why the case's devices cannot have as many rows each, or None."""
    B = case.workload.B
    if case.devices is None or B % case.devices == 0:
        return None
    return f"{B} rows do not divide evenly over {case.where}"


def shared(case: Case) -> str | None:
    """Why timing several devices would mean nothing here, or None."""
    return "its devices share one CPU" if case.devices and current_platform() == "cpu" else None


def divided(
    function: Callable[..., PyTree], specs: tuple[jax.P, ...], devices: int
) -> Callable[..., PyTree]:
    """The function on every device's rows of its arguments, of which the last may be left out.

    It returns a sequence, and what has the batch first. A gradient of weights, which every device
    has whole, is the sum of all devices' gradients.
    """

    def run(*arguments):
        on_each = jax.shard_map(
            function,
            mesh=_mesh(devices),
            in_specs=specs[: len(arguments)],
            out_specs=(SEQUENCES, ROWS),
        )
        return on_each(*arguments)

    return run


def placed(inputs: Inputs, devices: int) -> Inputs:
    """Params whole on every device, and of all else its rows of the batch."""

    def put(spec: jax.P, arrays: PyTree) -> PyTree:
        return jax.device_put(arrays, NamedSharding(_mesh(devices), spec))

    targets = inputs.targets
    return Inputs(
        put(WHOLE, inputs.params),
        put(SEQUENCES, inputs.x),
        put(SEQUENCES, inputs.pre),
        put(ROWS, inputs.initial),
        Targets(put(SEQUENCES, targets.y), put(SEQUENCES, targets.h), put(ROWS, targets.last)),
        put(ROWS, inputs.lengths),
    )
