"""The functions that users call: arguments checked, a kernel chosen, then run where x lies."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import no_type_check

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from kernels.common import checks
from kernels.common.differentiation import Method, chunked_model, model, states
from kernels.common.sharding import across_devices
from kernels.contract import DTYPES, PRECISIONS, Kernel, Problem, current_platform
from kernels.registry import KERNELS, choose, fastest
from reference import ACTIVATIONS, Params

PARAMETER_AXES = {"w_xh": "I H", "w_hh": "H H", "b_h": "1? H", "w_ho": "H O", "b_o": "1? O"}


def available() -> dict[str, str | None]:
    """Every kernel's name, with None where it runs on this machine, else the reason why not."""
    platform = current_platform()
    return {name: kernel.unavailable(platform) for name, kernel in KERNELS.items()}


def auto(
    *, T: int, B: int, H: int, dtype: str, activation: str = "relu", precision: str = "full"
) -> str:
    """The name of the kernel that "auto" takes for such a problem on this machine.

    Raises ValueError for a size below 1, or an unknown name.
    """
    sizes = {"T": T, "B": B, "H": H}
    for axis, size in sizes.items():
        checks.positive(axis, size)
    checks.one_of("dtype", dtype, DTYPES)
    return fastest(_problem(sizes, jnp.dtype(dtype), activation, precision))


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
    with _explain_forward_mode():
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
    run = partial(model, method) if chunk is None else partial(chunked_model, method, chunk)
    operands = params, x, _initial_state(h0, sizes, x.dtype)
    with _explain_forward_mode():
        return across_devices(run, operands, results=(1, 0))


@contextmanager
def _explain_forward_mode() -> Iterator[None]:
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


def _method(
    sizes: checks.Sizes, dtype: jnp.dtype, activation: str, precision: str, kernel: str | Kernel
) -> Method:
    problem = _problem(sizes, dtype, activation, precision)
    return Method(choose(kernel, problem), activation, precision)


def _problem(sizes: checks.Sizes, dtype: jnp.dtype, activation: str, precision: str) -> Problem:
    """On the current platform."""
    checks.one_of("activation", activation, tuple(ACTIVATIONS))
    checks.one_of("precision", precision, PRECISIONS)
    size = {axis: sizes[axis] for axis in "TBH"}
    return Problem(
        **size, dtype=dtype, activation=activation, precision=precision, platform=current_platform()
    )


def _initial_state(
    h0: Float[ArrayLike, "B H"] | None, sizes: checks.Sizes, dtype: jnp.dtype
) -> Float[Array, "B H"]:
    return jnp.zeros((sizes["B"], sizes["H"]), dtype) if h0 is None else jnp.asarray(h0)


@partial(jax.jit, static_argnums=0)
def _recurrence(
    method: Method, w_hh: Float[Array, "H H"], z: Float[Array, "T B H"], h0: Float[Array, "B H"]
) -> tuple[Float[Array, "T B H"]]:
    """`states` with its operands in the order of `across_devices`."""
    return (states(method, z, w_hh, h0),)
