"""What all kernels share, written once: checks, dispatch, projections and differentiation."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import no_type_check

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from kernels import checks
from kernels.contract import PRECISIONS, Kernel, Problem, current_platform
from kernels.numerics import dot, sum_of_outer
from kernels.registry import KERNELS, choose
from kernels.sharding import across_devices
from reference import ACTIVATIONS, Params

PARAMETER_AXES = {"w_xh": "I H", "w_hh": "H H", "b_h": "1? H", "w_ho": "H O", "b_o": "1? O"}


def available() -> dict[str, str | None]:
    """Every kernel's name, with None where it runs on this machine, else the reason why not."""
    platform = current_platform()
    return {name: kernel.unavailable(platform) for name, kernel in KERNELS.items()}


# The two public functions check their arguments themselves, in words a user reads; the checks
# that jaxtyping adds in tests would only get in first. Hence `no_type_check`.
@no_type_check
def recurrence(
    z: Float[Array, "T B H"],
    w_hh: Float[Array, "H H"],
    h0: Float[Array, "B H"] | None = None,
    *,
    activation: str = "relu",
    precision: str = "full",
    kernel: str | Kernel = "auto",
) -> Float[Array, "T B H"]:
    """All hidden states h_t = act(z_t + h_{t-1} W_hh), from pre-activations z = x W_xh + b_h.

    Arrays share one dtype of bfloat16, float16, float32, float64, in which each state is stored;
    products accumulate in float32 (float64 for float64). Without `h0` the state starts at zero.
    `activation` is "relu" or "tanh"; `precision="tf32"` lets float32 products round their
    operands to 11 significant bits, on hardware that has TF32. `kernel` is "auto", a name of
    `available()` or a `kernels.contract.Kernel` of your own.

    Raises TypeError for a wrong dtype; ValueError for a wrong shape, an unknown name, or a kernel
    that cannot run this problem.
    """
    named = {"z": (z, "T B H"), "w_hh": (w_hh, "H H")}
    sizes = checks.arrays(named if h0 is None else named | {"h0": (h0, "B H")})
    method = _method(sizes, z.dtype, activation, precision, kernel)
    operands = w_hh, z, _initial_state(h0, sizes, z.dtype)
    with _words_for_forward_mode():
        return across_devices(partial(_recurrence, method), operands, results=(1,))[0]


@no_type_check
def rnn(
    params: Params,
    x: Float[Array, "T B I"],
    h0: Float[Array, "B H"] | None = None,
    *,
    activation: str = "relu",
    precision: str = "full",
    kernel: str | Kernel = "auto",
    chunk: int | None = None,
) -> tuple[Float[Array, "T B O"], Float[Array, "B H"]]:
    """The whole model: outputs of every step and the last hidden state.

    `params` has the fields of `reference.Params`. With `chunk` a gradient keeps one state every
    `chunk` steps and computes the others again, so that its memory grows with T / chunk + chunk
    (Chen et al., arXiv:1604.06174). Everything else, and what is raised, is as in `recurrence`.
    """
    params = Params(*params)
    named = {"x": (x, "T B I")}
    named |= {name: (leaf, PARAMETER_AXES[name]) for name, leaf in params._asdict().items()}
    sizes = checks.arrays(named if h0 is None else named | {"h0": (h0, "B H")})
    if chunk is not None:
        checks.positive("chunk", chunk)
        sizes["T"] = chunk = min(chunk, max(sizes["T"], 1))  # all that the kernel sees at once
    method = _method(sizes, x.dtype, activation, precision, kernel)
    run = partial(_rnn, method) if chunk is None else partial(_chunked, method, chunk)
    operands = params, x, _initial_state(h0, sizes, x.dtype)
    with _words_for_forward_mode():
        return across_devices(run, operands, results=(1, 0))


@contextmanager
def _words_for_forward_mode() -> Iterator[None]:
    """JAX's own error says what a kernel lacks, but not which one has it."""
    try:
        yield
    except TypeError as error:
        if "forward-mode" not in str(error):
            raise
        raise TypeError(
            "this kernel has no forward-mode derivative: for jvp, jacfwd, linearize or hessian use "
            "kernel='scan-autodiff'"
        ) from error


@dataclass(frozen=True)
class _Method:
    """How to run: static under jit."""

    kernel: Kernel
    activation: str
    precision: str

    @property
    def options(self) -> dict[str, str]:
        """Keywords of both halves of a kernel."""
        return {"activation": self.activation, "precision": self.precision}

    def dot(self, a: Float[Array, "*M K"], b: Float[Array, "K N"]) -> Float[Array, "*M N"]:
        return dot(a, b, self.precision)


def _method(
    sizes: checks.Sizes, dtype: jnp.dtype, activation: str, precision: str, kernel: str | Kernel
) -> _Method:
    checks.one_of("activation", activation, tuple(ACTIVATIONS))
    checks.one_of("precision", precision, PRECISIONS)
    size = {axis: sizes[axis] for axis in "TBH"}
    problem = Problem(
        **size, dtype=dtype, activation=activation, precision=precision, platform=current_platform()
    )
    return _Method(choose(kernel, problem), activation, precision)


def _initial_state(
    h0: Float[ArrayLike, "B H"] | None, sizes: checks.Sizes, dtype: jnp.dtype
) -> Float[Array, "B H"]:
    return jnp.zeros((sizes["B"], sizes["H"]), dtype) if h0 is None else jnp.asarray(h0)


@partial(jax.jit, static_argnums=0)
def _rnn(
    method: _Method, params: Params, x: Float[Array, "T B I"], h0: Float[Array, "B H"]
) -> tuple[Float[Array, "T B O"], Float[Array, "B H"]]:
    if method.kernel.layer is not None and len(x):
        return _whole(method, _with_flat_biases(params), x, h0)
    z = (method.dot(x, params.w_xh) + params.b_h).astype(x.dtype)
    h = _states(method, z, params.w_hh, h0)
    y = (method.dot(h, params.w_ho) + params.b_o).astype(x.dtype)
    return y, h[-1] if len(h) else h0


@partial(jax.jit, static_argnums=(0, 1))
def _chunked(
    method: _Method, chunk: int, params: Params, x: Float[Array, "T B I"], h0: Float[Array, "B H"]
) -> tuple[Float[Array, "T B O"], Float[Array, "B H"]]:
    """`_rnn` over chunks of time, of which a gradient remembers only the first state."""

    @jax.checkpoint
    def run(h, x_chunk):
        y, h = _rnn(method, params, x_chunk, h)
        return h, y

    whole = len(x) // chunk * chunk
    h, y = jax.lax.scan(run, h0, x[:whole].reshape(-1, chunk, *x.shape[1:]))
    h, y_rest = run(h, x[whole:])
    return jnp.concatenate([y.reshape(whole, *y.shape[2:]), y_rest]), h


@partial(jax.jit, static_argnums=0)
def _recurrence(
    method: _Method, w_hh: Float[Array, "H H"], z: Float[Array, "T B H"], h0: Float[Array, "B H"]
) -> tuple[Float[Array, "T B H"]]:
    return (_states(method, z, w_hh, h0),)


def _states(
    method: _Method, z: Float[Array, "T B H"], w_hh: Float[Array, "H H"], h0: Float[Array, "B H"]
) -> Float[Array, "T B H"]:
    if not len(z):
        return z
    run = _forward if method.kernel.backward is None else _differentiable
    return run(method, z, w_hh, h0)


def _forward(
    method: _Method, z: Float[Array, "T B H"], w_hh: Float[Array, "H H"], h0: Float[Array, "B H"]
) -> Float[Array, "T B H"]:
    return method.kernel.forward(z, w_hh, h0, **method.options)


_differentiable = jax.custom_vjp(_forward, nondiff_argnums=(0,))


def _remember(method, z, w_hh, h0):
    """The forward half and what the backward half needs of it: no more than the states."""
    h = _differentiable(method, z, w_hh, h0)
    return h, (h, w_hh, h0)


def _gradients(method, residuals, dh):
    """Weight gradients are one product over all T B rows, which XLA does well for every kernel."""
    h, w_hh, h0 = residuals
    dz = method.kernel.backward(dh, h, w_hh, **method.options)
    before = jnp.concatenate([h0[None], h[:-1]])
    dw_hh = sum_of_outer(before, dz, method.precision)
    dh0 = method.dot(dz[0], w_hh.T)
    return dz, dw_hh.astype(w_hh.dtype), dh0.astype(h0.dtype)


_differentiable.defvjp(_remember, _gradients)


def _with_flat_biases(params: Params) -> Params:
    return params._replace(b_h=params.b_h.reshape(-1), b_o=params.b_o.reshape(-1))


def _whole_forward(
    method: _Method, params: Params, x: Float[Array, "T B I"], h0: Float[Array, "B H"]
) -> tuple[Float[Array, "T B O"], Float[Array, "B H"]]:
    """The layer by a kernel that takes it whole."""
    return method.kernel.layer.forward(params, x, h0, keep_states=False, **method.options)[:2]


_whole = jax.custom_vjp(_whole_forward, nondiff_argnums=(0,))


def _whole_remember(method, params, x, h0):
    """Also keeps, in the structure of what it keeps, whether the gradient of x is asked for."""
    asked = () if x.perturbed else None
    params, x, h0 = jax.tree.map(lambda primal: primal.value, (params, x, h0), is_leaf=_is_primal)
    y, h_last, h = method.kernel.layer.forward(params, x, h0, keep_states=True, **method.options)
    return (y, h_last), (params, x, h0, h, asked)


def _is_primal(node: object) -> bool:
    return isinstance(node, jax.custom_derivatives.CustomVJPPrimal)


def _whole_gradients(method, residuals, cotangents):
    params, x, h0, h, asked = residuals
    gradients = method.kernel.layer.backward(
        params,
        x,
        h0,
        h,
        *map(_instantiate, cotangents),
        with_dx=asked is not None,
        **method.options,
    )
    return gradients.params, gradients.x, gradients.h0


def _instantiate(cotangent: object) -> Float[Array, "..."]:
    """Zeros that JAX only names, as an array."""
    if isinstance(cotangent, jax.custom_derivatives.SymbolicZero):
        return jnp.zeros(cotangent.shape, cotangent.dtype)
    return cotangent


_whole.defvjp(_whole_remember, _whole_gradients, symbolic_zeros=True)
