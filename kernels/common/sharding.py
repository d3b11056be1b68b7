"""Programs over several devices: what the types of arrays say of the meshes around a kernel."""

from collections.abc import Callable, Iterator

import jax
from jax.sharding import AbstractMesh, AxisType, NamedSharding
from jaxtyping import Array, ArrayLike, Float, PyTree

# Weights, a sequence, and what has the batch first: states, lengths.
Operands = tuple[PyTree, Float[ArrayLike, "T B N"], PyTree]
Run = Callable[..., PyTree]


def across_devices(run: Run, operands: Operands, results: tuple[int, ...]) -> PyTree:
    """`run(weights, sequence, state)`, each device of an explicit mesh on its rows of the batch.

    Where axes of a mesh are explicit, every array's type says how it is divided. A kernel need not
    know: it runs inside `jax.shard_map`, on whole sequences and whole weights. `results` says where
    the batch lies in each array that `run` returns.
    """
    mesh = next(filter(_explicit, _meshes(operands)), None)
    if mesh is None:
        return run(*vary_alike(operands))
    batch = _axes_of(operands[1], 1) or _axes_of(jax.tree.leaves(operands[2])[0], 0)
    in_specs = jax.P(), jax.P(None, batch), jax.P(batch)
    placed = tuple(
        jax.tree.map(lambda leaf, spec=spec: jax.reshard(leaf, NamedSharding(mesh, spec)), operand)
        for operand, spec in zip(operands, in_specs, strict=True)
    )
    on_each = jax.shard_map(
        lambda *shards: run(*vary_alike(shards)),
        mesh=mesh,
        in_specs=in_specs,
        out_specs=tuple(jax.P(*[None] * axis, batch) for axis in results),
        axis_names=frozenset(_explicit(mesh)),
    )
    return on_each(*placed)


def on_every_device(arrays: PyTree) -> PyTree:
    """The arrays, whole on each device of the explicit mesh that their types name, if they do."""
    mesh = next(filter(_explicit, _meshes(arrays)), None)
    if mesh is None:
        return arrays
    return jax.tree.map(lambda leaf: jax.reshard(leaf, NamedSharding(mesh, jax.P())), arrays)


def _meshes(arrays: PyTree) -> Iterator[AbstractMesh]:
    """Those of the arrays, and the one that is set."""
    yield from (jax.typeof(leaf).sharding.mesh for leaf in jax.tree.leaves(arrays))
    yield jax.sharding.get_abstract_mesh()


def _explicit(mesh: AbstractMesh) -> list[str]:
    kinds = zip(mesh.axis_names, mesh.axis_types, strict=True)
    return [name for name, kind in kinds if kind == AxisType.Explicit]


def _axes_of(array: ArrayLike, dimension: int) -> str | tuple[str, ...] | None:
    return jax.typeof(array).sharding.spec[dimension]


def vary_alike(arrays: PyTree) -> PyTree:
    """The arrays, each varying over every manual mesh axis that any of them varies over.

    Inside `jax.shard_map` an array's type says over which axes its shards differ, and a kernel's
    results differ wherever any of its operands do. Casting the operands before a `custom_vjp`
    leaves its rule nothing to declare, and the cast's transpose sums the gradient of a replicated
    operand over the mesh.
    """
    axes = frozenset().union(*map(varying, jax.tree.leaves(arrays)))

    def cast(leaf):
        missing = tuple(sorted(axes - varying(leaf)))
        return jax.lax.pcast(leaf, missing, to="varying") if missing else leaf

    return jax.tree.map(cast, arrays)


def varying(array: ArrayLike) -> frozenset[str]:
    """The manual mesh axes over which an array's shards differ."""
    return frozenset(jax.typeof(array).manual_axis_type.varying)


def result_like(array: Array, shape: tuple[int, ...]) -> jax.ShapeDtypeStruct:
    """The type of an opaque call's result: of another shape, it varies over the same axes."""
    like = jax.typeof(array)
    return jax.ShapeDtypeStruct(
        shape,
        like.dtype,
        sharding=NamedSharding(like.sharding.mesh, jax.P()),
        manual_axis_type=like.manual_axis_type,
    )
