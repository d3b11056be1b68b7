"""Calls that JAX cannot see into, and what its transformations make of them.

An opaque call is described by a rule, as an einsum is: one term for each operand and each result,
one word an axis. `b` is the batch, whose rows do not depend on each other; a result without it is a
sum over the batch:

    "h k, t b h, b h -> t b k"

`vmap` then folds a mapped axis into the batch, or, where a result is such a sum, makes a call for
each element. A program over several devices computes each one's rows where they lie, instead of
gathering them. A second derivative is refused in words.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap
from jax.experimental.custom_partitioning import custom_partitioning
from jax.sharding import Mesh, NamedSharding
from jaxtyping import Array

BATCH = "b"
Call = Callable[..., tuple[Array, ...]]
Axes = Sequence[int | None]  # where the batch lies in each array; None: it has none


def opaque(rule: str) -> Callable[[Call], Call]:
    """Decorate a function of arrays that returns a tuple of arrays."""
    given, returned = (side.split(",") for side in rule.split("->"))
    operands, results = ([_batch_axis(term) for term in side] for side in (given, returned))

    def decorate(call: Call) -> Call:
        divided = _divided(call, rule, operands, results)

        def run(*arrays):
            return (call if _one_device() else divided)(*arrays)

        return _differentiated_once(_mapped(run, operands, results))

    return decorate


def _one_device() -> bool:
    """Whether there is nothing to divide: what divides needs devices that lowering may lack."""
    mesh = jax.sharding.get_abstract_mesh()
    return (jax.device_count() if mesh.empty else mesh.size) == 1


def _batch_axis(term: str) -> int | None:
    words = term.split()
    return words.index(BATCH) if BATCH in words else None


def _differentiated_once(call: Call) -> Call:
    run = jax.custom_vjp(lambda *arrays: call(*arrays))

    def refuse(*_: Any):
        raise NotImplementedError(
            "this kernel has no second derivative: for a gradient of a gradient, or a hessian, "
            "use kernel='scan-autodiff'"
        )

    run.defvjp(refuse, refuse)
    return run


def _mapped(call: Call, operands: Axes, results: Axes) -> Call:
    run = custom_vmap(call)

    @run.def_vmap
    def _(size, mapped, *arrays):
        shared = [
            is_mapped for is_mapped, axis in zip(mapped, operands, strict=True) if axis is None
        ]
        every = [_along(size, *each) for each in zip(arrays, mapped, strict=True)]
        if not size:
            outputs = _nothing(call, every)
        elif any(shared) or None in results:
            outputs = jax.lax.map(lambda each: run(*each), tuple(every))
        else:
            rows = run(*map(_fold, arrays, every, operands))
            outputs = tuple(map(partial(_unfold, size), rows, results))
        return outputs, (True,) * len(outputs)

    return run


def _along(size: int, array: Array, is_mapped: bool) -> Array:
    return array if is_mapped else jnp.broadcast_to(array, (size, *array.shape))


def _nothing(call: Call, arrays: Sequence[Array]) -> tuple[Array, ...]:
    one = jax.eval_shape(
        call, *(jax.typeof(array).update(shape=array.shape[1:]) for array in arrays)
    )
    return tuple(jnp.zeros((0, *each.shape), each.dtype) for each in one)


def _fold(array: Array, mapped: Array, axis: int | None) -> Array:
    """The mapped axis, which comes first, as more rows of the batch."""
    if axis is None:
        return array
    moved = jnp.moveaxis(mapped, 0, axis)
    rows = moved.shape[axis] * moved.shape[axis + 1]  # -1 fits no empty array
    return moved.reshape(*moved.shape[:axis], rows, *moved.shape[axis + 2 :])


def _unfold(size: int, array: Array, axis: int) -> Array:
    rows = array.shape[axis] // size
    split = array.reshape(*array.shape[:axis], size, rows, *array.shape[axis + 1 :])
    return jnp.moveaxis(split, axis, 0)


def _divided(call: Call, rule: str, operands: Axes, results: Axes) -> Call:
    """The call where a program spans several devices; on one device it is the call itself."""
    run = custom_partitioning(call)
    axes = dict.fromkeys(rule.replace(",", " ").replace("->", " ").split())  # Shardy's order

    def partition(mesh, arguments, outputs):
        """The mesh, what each device runs, and where results and operands lie."""
        if mesh.empty:  # JAX names none where no argument of the program is divided over it
            mesh, batch = _line_of(arguments[0].sharding.device_set), ()
        else:
            batch = _devices_of_batch((*arguments, *outputs), (*operands, *results))
        place = partial(_placed, mesh, batch)

        def on_each(*shards):
            parts = call(*shards)
            return tuple(
                jax.lax.psum(part, batch) if batch and axis is None else part
                for part, axis in zip(parts, results, strict=True)
            )

        return mesh, on_each, tuple(map(place, results)), tuple(map(place, operands))

    run.def_partition(
        partition,
        sharding_rule=rule,
        need_replication_factors=tuple(axis for axis in axes if axis != BATCH),
    )
    return run


def _devices_of_batch(arrays: Sequence[Any], axes: Axes) -> tuple[str, ...]:
    """The mesh axes over which the batch is divided."""
    for array, axis in zip(arrays, axes, strict=True):
        if axis is not None and (names := array.sharding.spec[axis]):
            return (names,) if isinstance(names, str) else tuple(names)
    return ()


def _line_of(devices: Iterable[jax.Device]) -> Mesh:
    return Mesh(sorted(devices, key=lambda device: device.id), ("devices",))


def _placed(mesh: Mesh, batch: tuple[str, ...], axis: int | None) -> NamedSharding:
    spec = () if axis is None or not batch else (*[None] * axis, batch)
    return NamedSharding(mesh, jax.P(*spec))
