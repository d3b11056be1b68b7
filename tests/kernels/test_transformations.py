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
from kernels.contract import Recurrent, Run
from kernels.registry import KERNELS
from reference import CELLS

SHAPE = Workload("eight rows", T=3, B=8, I=3, H=7, O=2)
DEVICES = 4
CELL = "lstm"  # whose state is a tuple; `test_a_cell_that_carries_nothing` has another


@pytest.fixture(params=[name for name in KERNELS if not name.startswith("unrolled")])
def kernel(request):
    """Every kernel that this machine has, but for `scan` with other factors."""
    if reason := kernels.available()[request.param]:
        pytest.skip(reason)
    return request.param


@pytest.fixture
def inputs(dtype):
    return make_inputs(SHAPE, dtype, CELL)


@pytest.fixture
def model(kernel):
    """The whole model, as a function of params, x and the initial state."""
    return partial(kernels.rnn, kernel=kernel, cell=CELL)


@pytest.fixture
def hold(dtype):
    """Compare with what the kernel gives without the transformation."""
    return partial(hold_equal, allowed=tolerance(SHAPE, dtype, CELL, "train"))


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
    return inputs.params, inputs.x, inputs.initial


@cache
def untransformed(kernel, way):
    """`both` of a kernel on one device, which many tests compare with."""
    model = partial(kernels.rnn, kernel=kernel, cell=CELL)
    return jax.jit(both(way(model)))(*arguments(make_inputs(SHAPE, full_precision(kernel), CELL)))


def unchanged(model):
    return model


# One device.


def test_jit_donation_and_remat(kernel, model, inputs, hold):
    want = untransformed(kernel, unchanged)
    hold(both(model)(*arguments(inputs)), want)
    copies = jax.tree.map(jnp.copy, arguments(inputs))
    hold(jax.jit(both(model), donate_argnums=(0, 1, 2))(*copies), want)
    hold(jax.jit(gradient(jax.checkpoint(model)))(*arguments(inputs)), want[1])


def in_a_scan(model, params, x, initial):
    """Half of the sequence after the other."""

    def step(state, part):
        y, state = model(params, part, state)
        return state, y

    last, y = jax.lax.scan(step, initial, jnp.stack([x, x]))
    return y.reshape(-1, *y.shape[2:]), last


def in_a_loop(model, params, x, initial):
    last = jax.lax.fori_loop(0, 2, lambda _, state: model(params, x, state)[1], initial)
    return model(params, x, initial)[0], last


def in_a_branch(model, params, x, initial):
    return jax.lax.cond(
        jnp.sum(x) > jnp.inf, lambda *a: (a[1][..., :2], a[2]), model, params, x, initial
    )


@cache
def step_by_step(around, dtype):
    """By the reference, in Python's own control flow."""
    model = partial(reference.rnn, cell=CELL)
    with jax.disable_jit():
        return both(partial(around, model))(*arguments(make_inputs(SHAPE, dtype, CELL)))


@pytest.mark.parametrize("around", [in_a_scan, in_a_loop, in_a_branch])
def test_control_flow_around_it(model, inputs, dtype, hold, around):
    got = jax.jit(both(partial(around, model)))(*arguments(inputs))
    hold(got, step_by_step(around, dtype))


MAPPED = {
    "x": (None, 0, None),
    "weights": (0, None, None),
    "both": (0, 0, 0),
    "initial": (None, None, 0),
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
    """With and without an initial state, over no steps, and the recurrence alone."""

    def run(params, x, initial):
        weights = params.layers[0].forward
        pre = jnp.tile(x[..., :1], weights.w_x.shape[1]) + weights.b
        states = partial(kernels.recurrence, pre, weights.w_h, **model.keywords)
        models = model(params, x, initial), model(params, x), model(params, x[:0], initial)
        return *models, states(initial), states()

    return run


def in_chunks(model):
    return partial(model, chunk=2)


def with_and_without_a_state(model):
    return lambda params, x, initial: (model(params, x, initial), model(params, x))


def test_shard_map(kernel, model, inputs, hold, mesh):
    want = untransformed(kernel, every_way)[1]
    hold_on_shards(every_way(model), want, inputs, hold, mesh)


@pytest.mark.parametrize("kernel", ["scan", "native"])
def test_shard_map_in_chunks(kernel, mesh):
    """How a sequence is cut does not depend on the kernel; `native` takes the layer whole."""
    if reason := kernels.available()[kernel]:
        pytest.skip(reason)
    model = in_chunks(partial(kernels.rnn, kernel=kernel, cell=CELL))
    want = untransformed(kernel, in_chunks)[1]
    hold_on_shards(model, want, make_inputs(SHAPE, "float32", CELL), HOLD, mesh)


def test_shard_map_of_the_reference(mesh):
    model = with_and_without_a_state(partial(reference.rnn, cell=CELL))
    inputs = make_inputs(SHAPE, "float32", CELL)
    hold_on_shards(model, gradient(model)(*arguments(inputs)), inputs, HOLD, mesh)


HOLD = partial(hold_equal, allowed=tolerance(SHAPE, "float32", CELL, "train"))


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
    ((y, _), *_, (h, _), _), (_, dx, _) = got
    for array in (y, h, dx):
        assert array.sharding.spec[:2] == (None, "batch")


def test_a_cell_that_carries_nothing(mesh):
    """What `native` takes as all that is carried then is empty, mapped and divided too."""
    if reason := kernels.available()["native"]:
        pytest.skip(reason)
    inputs = make_inputs(SHAPE, "float32", "relu")
    hold = partial(hold_equal, allowed=tolerance(SHAPE, "float32", "relu", "train"))
    every = both(every_way(partial(kernels.rnn, kernel="native", cell="relu")))

    def run(params, x, initial):
        return every(params, x, *initial)

    want = jax.jit(run)(*arguments(inputs))
    hold(jax.jit(run)(*divided(mesh, inputs)), want)
    xs = jnp.stack([-inputs.x, inputs.x])
    mapped = jax.jit(jax.vmap(run, (None, 0, None)))(inputs.params, xs, inputs.initial)
    hold(_pick(mapped, 0, 1), want)


def test_a_mesh_that_nothing_is_divided_over(kernel, model, inputs, hold, mesh):
    with jax.set_mesh(mesh):
        got = jax.jit(both(model))(*arguments(inputs))
    hold(got, untransformed(kernel, unchanged))


def test_operands_divided_otherwise(model, inputs, hold):
    """Weights, and time, that are divided over explicit axes are put together first."""
    mesh = jax.make_mesh((2, 2), ("one", "other"), axis_types=(AxisType.Explicit,) * 2)

    def place(array, *axes):
        return jax.device_put(array, NamedSharding(mesh, jax.P(*axes)))

    readout = inputs.params.readout
    params = inputs.params._replace(readout=readout._replace(w=place(readout.w, None, "other")))
    x = place(jnp.concatenate([inputs.x, inputs.x[:1]]), "other", "one")
    initial = tuple(place(each, "one") for each in inputs.initial)
    want = model(inputs.params, np.asarray(x), inputs.initial)
    hold(jax.jit(model)(params, x, initial), want)


@pytest.mark.parametrize("kernel", ["scan"])
def test_a_state_divided_otherwise_than_its_sequence(model, inputs, hold):
    """The rows of the batch then are where the state has them."""
    mesh = jax.make_mesh((DEVICES,), ("batch",), axis_types=(AxisType.Explicit,))
    initial = jax.device_put(inputs.initial, NamedSharding(mesh, jax.P("batch")))
    y, last = jax.jit(model)(inputs.params, inputs.x, initial)
    hold((y, last), model(*arguments(inputs)))
    assert y.sharding.spec[1] == last[0].sharding.spec[0] == "batch"


@pytest.mark.parametrize(
    ("gpu_kernel", "cell"),
    [(mosaic, "tanh"), (triton, "tanh"), (pallas, "tanh"), (pallas, "gru"), (pallas, "lstm")],
    ids=lambda each: each if isinstance(each, str) else each.__name__,
)
def test_gpu_kernels_say_over_which_axes_they_vary(gpu_kernel, cell, mesh):
    """As far as tracing goes: none of them has run on a GPU."""
    if reason := gpu_kernel.KERNEL.unavailable("gpu"):
        pytest.skip(reason)
    run, kernel = Run(CELLS[cell], "full"), gpu_kernel.KERNEL
    inputs = make_inputs(Workload("wide", T=3, B=32, I=1, H=64, O=0), "bfloat16", cell)
    pre, w_h, b_h, initial = inputs.recurrence
    state, sequence = jax.P("batch"), jax.P(None, "batch")

    def gradient(weights, pre, initial):
        weights, pre, initial = vary_alike((Recurrent(*weights), pre, initial))
        steps = kernel.forward(run, pre, weights, initial, None, keep=True)
        ends = steps.h, steps.last, steps, weights, initial, None
        slopes = kernel.backward(run, *ends)
        return steps.h, steps.last, slopes.slots, slopes.initial

    with jax.set_mesh(mesh):
        mapped = jax.shard_map(
            gradient,
            in_specs=(jax.P(), sequence, state),
            out_specs=(sequence, state, sequence, state),
        )
        operands = jax.tree.map(
            lambda array, spec: jax.ShapeDtypeStruct(
                array.shape, array.dtype, sharding=NamedSharding(mesh, spec)
            ),
            ((w_h, b_h), pre, initial),
            ((jax.P(), jax.P()), sequence, (state,) * len(initial)),
        )
        h, last, dpre, dinitial = jax.eval_shape(mapped, *operands)
    assert (h.shape, dpre.shape) == ((3, 32, 64), (3, 32, 64 * len(CELLS[cell].slots)))
    assert [each.shape for each in (*last, *dinitial)] == [(32, 64)] * 2 * len(initial)


# What cannot work says so.

FORWARD_MODE = {
    "jvp": lambda f, x: jax.jvp(f, (x,), (x,)),
    "jacfwd": lambda f, x: jax.jacfwd(f)(x),
    "hessian": lambda f, x: jax.hessian(f)(x),
}


OPAQUE = ("native", "pallas")  # JAX cannot see into their halves


@pytest.mark.parametrize("mode", FORWARD_MODE)
def test_forward_mode(kernel, model, inputs, hold, mode):
    def f(model):
        return lambda x: loss(model(inputs.params, x))

    x, opaque = inputs.x[:2, :1], kernel in OPAQUE
    if KERNELS[kernel].backward is not None and (opaque or mode != "hessian"):
        with pytest.raises((TypeError, NotImplementedError), match="use kernel='scan-autodiff'"):
            FORWARD_MODE[mode](f(model), x)
        return
    hold(
        FORWARD_MODE[mode](f(model), x), FORWARD_MODE[mode](f(partial(reference.rnn, cell=CELL)), x)
    )


def test_gradient_of_a_gradient(kernel, model, inputs, hold):
    def twice(model):
        inner = gradient(model)
        return jax.grad(lambda state: loss(inner(inputs.params, inputs.x, state)))(inputs.initial)

    if kernel in OPAQUE:
        with pytest.raises(NotImplementedError, match="no second derivative"):
            twice(model)
    else:
        hold(twice(model), twice(partial(reference.rnn, cell=CELL)))


def test_export(kernel, model, inputs, hold):
    exporting = jax.export.export(
        jax.jit(model),
        disabled_checks=map(jax.export.DisabledSafetyCheck.custom_call, kernels.custom_calls(CELL)),
    )
    exported = exporting(*arguments(inputs))
    hold(exported.call(*arguments(inputs)), model(*arguments(inputs)))


def test_export_of_native_is_refused_unless_allowed():
    if reason := kernels.available()["native"]:
        pytest.skip(reason)
    export = jax.export.export(jax.jit(partial(kernels.rnn, kernel="native", cell=CELL)))
    with pytest.raises(ValueError, match=r"(?s)custom calls .*recurrent_kernels"):
        export(*arguments(make_inputs(SHAPE, "float32", CELL)))
