"""Every kernel over several devices: each computes its rows of the batch, and only sums cross."""

import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.oracle_checks import hold_equal
from helpers.transforming import (
    CELL,
    SHAPE,
    arguments,
    both,
    gradient,
    loss,
    unchanged,
    untransformed,
)
from jax.sharding import AxisType, NamedSharding

import kernels
import reference
from bench.cases.inputs import make_inputs
from bench.cases.tolerance import tolerance
from bench.cases.workloads import Workload
from kernels import mosaic, pallas, triton
from kernels.common.sharding import vary_alike
from kernels.contract import Recurrent, Run
from reference import CELLS

DEVICES = 4
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
    hold(jax.tree.map(lambda leaf: leaf[1], mapped), want)


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
