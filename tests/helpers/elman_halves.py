"""The two halves of a kernel that knows Elman cells alone, as `scan` computes them."""

import jax.numpy as jnp

from kernels import scan
from kernels.contract import Recurrent, Steps


def states(run, pre, w_h, initial):
    """Every h."""
    weights = Recurrent(w_h, jnp.zeros(0))
    return scan.forward(run, pre, weights, (initial,), None, keep=False).h


def slopes(run, dh, h, w_h):
    """The derivative of every pre-activation."""
    zero = (jnp.zeros_like(h[0]),)
    steps, weights = Steps(h, zero, ((), ())), Recurrent(w_h, jnp.zeros(0))
    return scan.backward(run, dh, zero, steps, weights, zero, None)[0]
