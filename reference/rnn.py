"""The RNN as `lax.scan`.

H_t = act(X_t W_xh + H_{t-1} W_hh + b_h),  O_t = H_t W_ho + b_o
"""

from functools import partial
from typing import NamedTuple, no_type_check

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from reference.cells.elman import activate

RECURRENT_GAIN = 0.9  # of `init`'s w_hh, which shrinks a perturbation of the state at every step


class Params(NamedTuple):
    """Weights and biases of one Elman layer; a bias may be `(n,)` or `(1, n)`."""

    w_xh: Float[Array, "I H"]
    w_hh: Float[Array, "H H"]
    b_h: Float[Array, "... H"]
    w_ho: Float[Array, "H O"]
    b_o: Float[Array, "... O"]


def init(
    key: PRNGKeyArray,
    input_size: int,
    hidden_size: int,
    output_size: int,
    dtype: DTypeLike = jnp.float32,
) -> Params:
    """Draw weights for which long sequences neither explode nor die.

    `w_hh` is 0.9 times an orthogonal matrix (Saxe et al., arXiv:1312.6120): both activations are
    1-Lipschitz, so a perturbation of the state shrinks by at least 0.9 a step. The others are
    LeCun normal, biases normal with standard deviation 0.1. `dtype` is that of every leaf.
    """
    keys = jax.random.split(key, 5)
    dense, bias = jax.nn.initializers.lecun_normal(), jax.nn.initializers.normal(0.1)
    recurrent = jax.nn.initializers.orthogonal(RECURRENT_GAIN)
    params = Params(
        w_xh=dense(keys[0], (input_size, hidden_size)),
        w_hh=recurrent(keys[1], (hidden_size, hidden_size)),
        b_h=bias(keys[2], (hidden_size,)),
        w_ho=dense(keys[3], (hidden_size, output_size)),
        b_o=bias(keys[4], (output_size,)),
    )
    return jax.tree.map(lambda leaf: leaf.astype(dtype), params)


def dot(a: Float[Array, "... K"], b: Float[Array, "K N"]) -> Float[Array, "... N"]:
    """Multiply in full precision, accumulating in float32 (float64 for float64 operands)."""
    accumulator = jnp.promote_types(a.dtype, jnp.float32)
    return jnp.dot(a, b, precision="highest", preferred_element_type=accumulator)


def step(
    params: Params, h: Float[Array, "B H"], x: Float[Array, "B I"], *, activation: str = "relu"
) -> Float[Array, "B H"]:
    """One step: `h` is H_{t-1}, the result H_t, rounded once to the dtype of `h`."""
    pre_activation = dot(x, params.w_xh) + dot(h, params.w_hh) + params.b_h
    return activate(pre_activation, activation).astype(h.dtype)


# It checks dtypes itself, in words a user reads; the checks that jaxtyping adds in tests would only
# get in first.
@partial(jax.jit, static_argnames=("activation", "states"))
@no_type_check
def rnn(
    params: Params,
    x: Float[Array, "T B I"],
    h0: Float[Array, "B H"] | None = None,
    *,
    activation: str = "relu",
    states: str = "last",
) -> tuple[Float[Array, "T B O"], Float[Array, "T B H"] | Float[Array, "B H"]]:
    """Outputs of every step, and the `"last"` (B, H) or `"all"` (T, B, H) hidden states.

    Without `h0` the state starts at zero. All arrays share one floating dtype.

    Raises TypeError for an array of another kind.
    """
    for name, array in {"x": x, "h0": h0, **params._asdict()}.items():
        if array is not None and not jnp.issubdtype(array.dtype, jnp.floating):
            raise TypeError(f"{name} has dtype {array.dtype}; expected a floating dtype")
    if h0 is None:
        zeros = jnp.zeros((x.shape[1], params.w_hh.shape[0]), x.dtype)
        h0 = jnp.zeros_like(step(params, zeros, x.sum(0)))  # divided over devices as a state is

    def one_step(h, x_t):
        h = step(params, h, x_t, activation=activation)
        return h, h

    h_last, h = jax.lax.scan(one_step, h0, x)
    y = (dot(h, params.w_ho) + params.b_o).astype(x.dtype)
    return y, {"last": h_last, "all": h}[states]
