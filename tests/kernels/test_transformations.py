"""What JAX's transformations make of every kernel: the same numbers, or a refusal in words."""

import re
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.oracle_checks import full_precision, hold_equal
from jax.sharding import AxisType, NamedSharding

import kernels
import reference
from bench.cases.inputs import make_inputs
from bench.cases.tolerance import tolerance
from bench.cases.workloads import Workload
from kernels import mosaic, pallas, triton
from kernels.common.sharding import vary_alike
from kernels.registry import KERNELS

SHAPE = Workload("eight rows", T=3, B=8, I=3, H=7, O=2)
DEVICES = 4


@pytest.fixture
def inputs(dtype):
    return make_inputs(SHAPE, dtype)


@pytest.fixture
def model(kernel):
    """The whole model, as a function of params, x and h0."""
    return partial(kernels.rnn, kernel=kernel)


@pytest.fixture
def hold(dtype):
    """Compare with what the kernel gives without the transformation."""
    return partial(hold_equal, allowed=tolerance(SHAPE, dtype, "train"))


def loss(outputs):
    """One in which every number counts."""
    parts = jax.tree.leaves(outputs)
    return sum(jnp.sum(jnp.sin(part.astype(jnp.float32))) for part in parts)


def gradient(model, argnums=(0, 1, 2)):
    return jax.grad(lambda *arguments: loss(model(*arguments)), argnums)


def both(model):
    """What it returns and its gradient, in one program."""
    return lambda *arguments: (model(*arguments), gradient(model)(*arguments))


def arguments(inputs):
    return inputs.params, inputs.x, inputs.h0


@cache
def untransformed(kernel, way):
    """`both` of a kernel on one device, which many tests compare with."""
    model = partial(kernels.rnn, kernel=kernel)
    return jax.jit(both(way(model)))(*arguments(make_inputs(SHAPE, full_precision(kernel))))


def unchanged(model):
    return model


# One device.


def test_jit_donation_and_remat(kernel, model, inputs, hold):
    want = untransformed(kernel, unchanged)
    hold(both(model)(*arguments(inputs)), want)
    copies = jax.tree.map(jnp.copy, arguments(inputs))
    hold(jax.jit(both(model), donate_argnums=(0, 1, 2))(*copies), want)
    hold(jax.jit(gradient(jax.checkpoint(model)))(*arguments(inputs)), want[1])


def in_a_scan(model, params, x, h0):
    """Half of the sequence after the other."""

    def step(h, part):
        y, h = model(params, part, h)
        return h, y

    h, y = jax.lax.scan(step, h0, jnp.stack([x, x]))
    return y.reshape(-1, *y.shape[2:]), h


def in_a_loop(model, params, x, h0):
    h = jax.lax.fori_loop(0, 2, lambda _, h: model(params, x, h)[1], h0)
    return model(params, x, h0)[0], h


def in_a_branch(model, params, x, h0):
    return jax.lax.cond(
        jnp.sum(x) > jnp.inf, lambda *a: (a[1][..., :2], a[2]), model, params, x, h0
    )


@cache
def step_by_step(around, dtype):
    """By the reference, in Python's own control flow."""
    with jax.disable_jit():
        return both(partial(around, reference.rnn))(*arguments(make_inputs(SHAPE, dtype)))


@pytest.mark.parametrize("around", [in_a_scan, in_a_loop, in_a_branch])
def test_control_flow_around_it(model, inputs, dtype, hold, around):
    got = jax.jit(both(partial(around, model)))(*arguments(inputs))
    hold(got, step_by_step(around, dtype))


MAPPED = {
    "x": (None, 0, None),
    "weights": (0, None, None),
    "both": (0, 0, 0),
    "h0": (None, None, 0),
}


@pytest.mark.parametrize("axes", MAPPED.values(), ids=MAPPED.keys())
def test_vmap(model, inputs, hold, axes):
    """Over two problems, then, where that is all of them, over none."""
    pairs = [
        jax.tree.map(lambda leaf: jnp.stack([leaf, -leaf]), each) if axis == 0 else each
        for each, axis in zip(arguments(inputs), axes, strict=True)
    ]
    one, mapped = jax.jit(both(model)), jax.jit(jax.vmap(both(model), axes))
    got = mapped(*pairs)
    for i in range(2):
        own = [_pick(each, axis, i) for each, axis in zip(pairs, axes, strict=True)]
        hold(_pick(got, 0, i), one(*own))
    if None in axes:
        return
    none = [_pick(each, axis, slice(0)) for each, axis in zip(pairs, axes, strict=True)]
    shapes = [leaf.shape[1:] for leaf in jax.tree.leaves(got)]
    assert [leaf.shape for leaf in jax.tree.leaves(mapped(*none))] == [(0, *s) for s in shapes]


def _pick(tree, axis, index):
    return tree if axis is None else jax.tree.map(lambda leaf: leaf[index], tree)


def test_vmap_of_vmap(model, inputs, hold):
    x = jnp.stack([jnp.stack([inputs.x, -inputs.x]), jnp.stack([2 * inputs.x, inputs.x])])
    run = partial(model, inputs.params)
    hold(_pick(jax.vmap(jax.vmap(run))(x), 0, (1, 0)), run(x[1, 0]))


def test_from_several_threads(kernel, model, inputs, hold):
    run = jax.jit(both(model))
    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(lambda _: run(*arguments(inputs)), range(8)):
            hold(got, untransformed(kernel, unchanged))


# Several devices.

OVER_BATCH = jax.P(), jax.P(None, "batch"), jax.P("batch")


@pytest.fixture(params=[AxisType.Auto, AxisType.Explicit], ids=lambda kind: kind.name)
def mesh(request):
    return jax.make_mesh((DEVICES,), ("batch",), axis_types=(request.param,))


def divided(mesh, inputs):
    """Weights on every device, rows of the batch on each."""
    return tuple(
        jax.device_put(argument, NamedSharding(mesh, spec))
        for argument, spec in zip(arguments(inputs), OVER_BATCH, strict=True)
    )


def every_way(model):
    """With and without h0, over no steps, and the recurrence alone."""

    def run(params, x, h0):
        z = jnp.tile(x[..., :1], len(params.w_hh)) + params.b_h
        states = partial(kernels.recurrence, z, params.w_hh, **model.keywords)
        models = model(params, x, h0), model(params, x), model(params, x[:0], h0)
        return *models, states(h0), states()

    return run


def in_chunks(model):
    return partial(model, chunk=2)


def with_and_without_h0(model):
    return lambda params, x, h0: (model(params, x, h0), model(params, x))


def test_shard_map(kernel, model, inputs, hold, mesh):
    want = untransformed(kernel, every_way)[1]
    hold_on_shards(every_way(model), want, inputs, hold, mesh)


@pytest.mark.parametrize("kernel", ["scan", "native"])
def test_shard_map_in_chunks(kernel, mesh):
    """How a sequence is cut does not depend on the kernel; `native` takes the layer whole."""
    if reason := kernels.available()[kernel]:
        pytest.skip(reason)
    model = in_chunks(partial(kernels.rnn, kernel=kernel))
    want = untransformed(kernel, in_chunks)[1]
    hold_on_shards(model, want, make_inputs(SHAPE, "float32"), HOLD, mesh)


def test_shard_map_of_the_reference(mesh):
    model, inputs = with_and_without_h0(reference.rnn), make_inputs(SHAPE, "float32")
    hold_on_shards(model, gradient(model)(*arguments(inputs)), inputs, HOLD, mesh)


HOLD = partial(hold_equal, allowed=tolerance(SHAPE, "float32", "train"))


def hold_on_shards(function, want, inputs, hold, mesh):
    """With the gradient inside the mapped function, then outside: that of weights is a sum."""

    def total(*shards):
        return jax.lax.psum(loss(function(*shards)), "batch")

    with jax.set_mesh(mesh):
        inside = jax.shard_map(gradient(function), in_specs=OVER_BATCH, out_specs=OVER_BATCH)
        outside = jax.grad(jax.shard_map(total, in_specs=OVER_BATCH, out_specs=jax.P()), (0, 1, 2))
        for run in (inside, outside):
            hold(jax.jit(run)(*divided(mesh, inputs)), want)


def test_results_say_that_they_differ_from_shard_to_shard(model, inputs, mesh):
    """Else a caller could pass one device's result for all."""

    def claim(*shards):
        return model(*shards)[1]

    with jax.set_mesh(mesh), pytest.raises(ValueError, match="out_specs which require replication"):
        jax.shard_map(claim, in_specs=OVER_BATCH, out_specs=jax.P())(*divided(mesh, inputs))


def test_each_device_computes_its_rows_where_they_lie(kernel, model, inputs, hold, mesh):
    """Under plain jit: no rows are gathered, only sums cross the mesh."""
    operands = divided(mesh, inputs)
    program = jax.jit(both(every_way(model))).lower(*operands).compile()
    got = program(*operands)
    hold(got, untransformed(kernel, every_way))
    assert not re.search("all-gather|all-to-all|collective-permute", program.as_text())
    ((y, _), *_, states, _), (_, dx, _) = got
    for array in (y, states, dx):
        assert array.sharding.spec[:2] == (None, "batch")


def test_a_mesh_that_nothing_is_divided_over(kernel, model, inputs, hold, mesh):
    with jax.set_mesh(mesh):
        got = jax.jit(both(model))(*arguments(inputs))
    hold(got, untransformed(kernel, unchanged))


def test_operands_divided_otherwise(model, inputs, hold):
    """Weights, and time, that are divided over explicit axes are put together first."""
    mesh = jax.make_mesh((2, 2), ("one", "other"), axis_types=(AxisType.Explicit,) * 2)

    def place(array, *axes):
        return jax.device_put(array, NamedSharding(mesh, jax.P(*axes)))

    params = inputs.params._replace(w_ho=place(inputs.params.w_ho, None, "other"))
    x = place(jnp.concatenate([inputs.x, inputs.x[:1]]), "other", "one")
    h0 = place(inputs.h0, "one")
    want = model(inputs.params, np.asarray(x), inputs.h0)
    hold(jax.jit(model)(params, x, h0), want)


@pytest.mark.parametrize("kernel", ["scan"])
def test_a_state_divided_otherwise_than_its_sequence(model, inputs, hold):
    """The rows of the batch then are where the state has them."""
    mesh = jax.make_mesh((DEVICES,), ("batch",), axis_types=(AxisType.Explicit,))
    h0 = jax.device_put(inputs.h0, NamedSharding(mesh, jax.P("batch")))
    y, h_last = jax.jit(model)(inputs.params, inputs.x, h0)
    hold((y, h_last), model(*arguments(inputs)))
    assert y.sharding.spec[1] == h_last.sharding.spec[0] == "batch"


WEIGHTS, SEQUENCE, STATE = zip(((64, 64), (3, 32, 64), (32, 64)), OVER_BATCH, strict=True)
OPERANDS = {"forward": (SEQUENCE, WEIGHTS, STATE), "backward": (SEQUENCE, SEQUENCE, WEIGHTS)}


@pytest.mark.parametrize("half", OPERANDS)
@pytest.mark.parametrize("gpu_kernel", [mosaic, triton, pallas], ids=lambda each: each.__name__)
def test_gpu_kernels_say_over_which_axes_they_vary(gpu_kernel, half, mesh):
    """As far as tracing goes: none of them has run on a GPU."""
    if reason := gpu_kernel.KERNEL.unavailable("gpu"):
        pytest.skip(reason)
    function = partial(getattr(gpu_kernel.KERNEL, half), activation="relu", precision="full")

    def run(*shards):
        return function(*vary_alike(shards))

    with jax.set_mesh(mesh):
        operands = [
            jax.ShapeDtypeStruct(shape, "bfloat16", sharding=NamedSharding(mesh, spec))
            for shape, spec in OPERANDS[half]
        ]
        mapped = jax.shard_map(
            run, in_specs=tuple(spec for _, spec in OPERANDS[half]), out_specs=SEQUENCE[1]
        )
        assert jax.eval_shape(mapped, *operands).shape == SEQUENCE[0]


# What cannot work says so.

FORWARD_MODE = {
    "jvp": lambda f, x: jax.jvp(f, (x,), (x,)),
    "jacfwd": lambda f, x: jax.jacfwd(f)(x),
    "hessian": lambda f, x: jax.hessian(f)(x),
}


@pytest.mark.parametrize("mode", FORWARD_MODE)
def test_forward_mode(kernel, model, inputs, hold, mode):
    def f(x):
        return loss(model(inputs.params, x))

    x = inputs.x[:2, :1]
    if KERNELS[kernel].backward is None:
        want = jax.grad(lambda x: f(x))(x)
        got = FORWARD_MODE[mode](f, x)
        assert mode != "jacfwd" or hold(got, want) is None
        return
    with pytest.raises((TypeError, NotImplementedError), match="use kernel='scan-autodiff'"):
        FORWARD_MODE[mode](f, x)


def test_gradient_of_a_gradient(kernel, model, inputs, hold):
    def twice(model):
        inner = gradient(model)
        return jax.grad(lambda h0: loss(inner(inputs.params, inputs.x, h0)))(inputs.h0)

    if kernel in ("native", "pallas"):
        with pytest.raises(NotImplementedError, match="no second derivative"):
            twice(model)
    else:
        hold(twice(model), twice(reference.rnn))


def test_export(kernel, model, inputs, hold):
    exporting = jax.export.export(
        jax.jit(model),
        disabled_checks=map(jax.export.DisabledSafetyCheck.custom_call, kernels.custom_calls()),
    )
    exported = exporting(*arguments(inputs))
    hold(exported.call(*arguments(inputs)), model(*arguments(inputs)))


def test_export_of_native_is_refused_unless_allowed():
    if reason := kernels.available()["native"]:
        pytest.skip(reason)
    export = jax.export.export(jax.jit(partial(kernels.rnn, kernel="native")))
    with pytest.raises(ValueError, match=r"(?s)custom calls .*recurrent_kernels"):
        export(*arguments(make_inputs(SHAPE, "float32")))
