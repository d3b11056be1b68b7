"""Forward mode, second derivatives and export: the right numbers, or a refusal in words."""

from functools import partial

import jax
import pytest
from helpers.transforming import CELL, SHAPE, arguments, gradient, loss

import kernels
import reference
from bench.cases.inputs import make_inputs
from kernels.registry import KERNELS

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


def test_calls_of_no_cell_and_of_no_dtype():
    with pytest.raises(ValueError, match="cell is 'elman'; expected one of 'relu'"):
        kernels.custom_calls("elman")
    with pytest.raises(ValueError, match="dtype is 'int8'; expected one of 'bfloat16'"):
        kernels.custom_calls(CELL, "int8")


def test_export_of_native_is_refused_unless_allowed():
    if reason := kernels.available()["native"]:
        pytest.skip(reason)
    export = jax.export.export(jax.jit(partial(kernels.rnn, kernel="native", cell=CELL)))
    with pytest.raises(ValueError, match=r"(?s)custom calls .*recurrent_kernels"):
        export(*arguments(make_inputs(SHAPE, "float32", CELL)))
