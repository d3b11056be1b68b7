"""Weights to and from the RNN layers of PyTorch and Flax, each imported only when it is called for.

An activation is no weight, so it is yours to pass on: `kernels.rnn(params, x, activation="tanh")`
for a layer made with the default of either library, where ours is relu. Each function raises
ImportError, which names what to install, where its library is missing.
"""

import importlib
import warnings
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
from jaxtyping import Array, Float

from kernels import checks
from reference import ACTIVATIONS, Params

ONE_LAYER = {"num_layers": 1, "bidirectional": False, "proj_size": 0}


def from_torch(rnn: Any, linear: Any = None) -> Params:
    """The parameters of a `torch.nn.RNN`, and of the `torch.nn.Linear` that reads its states.

    torch adds two biases, of which ours is the sum. `batch_first` is no weight: our x is (T, B, I).
    Without `linear` the output layer is empty (O 0).

    Raises TypeError for another layer or a dtype that JAX does not hold here, ValueError for an
    RNN that is not one layer in one direction, or a `linear` that does not read its states.
    """
    torch = _library("torch")

    _expect("rnn", rnn, torch.nn.RNN)
    for name, wanted in ONE_LAYER.items():
        if (found := getattr(rnn, name)) != wanted:
            raise ValueError(f"rnn has {name} {found!r}; expected {wanted!r}")
    w_xh, w_hh = array(rnn.weight_ih_l0).T, array(rnn.weight_hh_l0).T
    b_h = array(rnn.bias_ih_l0 + rnn.bias_hh_l0) if rnn.bias else _no_bias(w_hh)
    if linear is None:
        return _without_output(w_xh, w_hh, b_h)
    _expect("linear", linear, torch.nn.Linear)
    w_ho = array(linear.weight).T
    b_o = _no_bias(w_ho) if linear.bias is None else array(linear.bias)
    return _reading_states(Params(w_xh, w_hh, b_h, w_ho, b_o))


def to_torch(params: Params, activation: str = "relu") -> tuple[Any, Any]:
    """A `torch.nn.RNN` and a `torch.nn.Linear` with these parameters, on torch's default device.

    Our one bias becomes torch's input bias; its other one is zero.
    """
    torch = _library("torch")

    checks.one_of("activation", activation, tuple(ACTIVATIONS))
    (I, H), O = params.w_xh.shape, params.w_ho.shape[1]  # noqa: E741
    dtype = tensor(params.w_hh).dtype
    rnn = torch.nn.RNN(I, H, nonlinearity=activation, dtype=dtype)
    with warnings.catch_warnings(action="ignore"):  # of an empty layer's weights, which are meant
        linear = torch.nn.Linear(H, O, dtype=dtype)
    biases = {"bias_ih_l0": params.b_h.reshape(H), "bias_hh_l0": jnp.zeros_like(params.w_hh[0])}
    weights = {"weight_ih_l0": params.w_xh.T, "weight_hh_l0": params.w_hh.T}
    rnn.load_state_dict({name: tensor(value) for name, value in (weights | biases).items()})
    output = {"weight": params.w_ho.T, "bias": params.b_o.reshape(O)}
    linear.load_state_dict({name: tensor(value) for name, value in output.items()})
    return rnn, linear


def from_flax(rnn: Any, linear: Any = None) -> Params:
    """The parameters of a `flax.nnx.RNN` of a `SimpleCell`, and of the `Linear` on its states.

    Without `linear` the output layer is empty (O 0).

    Raises TypeError for another layer or cell, ValueError for a residual cell or a `linear` that
    does not read its states.
    """
    nnx = _library("flax.nnx")

    _expect("rnn", rnn, nnx.RNN)
    _expect("rnn.cell", cell := rnn.cell, nnx.SimpleCell)
    if cell.residual:
        raise ValueError("rnn.cell has residual True; expected False")
    layer = cell.dense_i.kernel[...], cell.dense_h.kernel[...], cell.dense_i.bias[...]
    if linear is None:
        return _without_output(*layer)
    _expect("linear", linear, nnx.Linear)
    w_ho = linear.kernel[...]
    b_o = _no_bias(w_ho) if linear.bias is None else linear.bias[...]
    return _reading_states(Params(*layer, w_ho, b_o))


def to_flax(params: Params, activation: str = "relu") -> tuple[Any, Any]:
    """A time-major `flax.nnx.RNN` of a `SimpleCell`, and a `flax.nnx.Linear`, so weighted."""
    nnx = _library("flax.nnx")

    checks.one_of("activation", activation, tuple(ACTIVATIONS))
    (I, H), O = params.w_xh.shape, params.w_ho.shape[1]  # noqa: E741
    shared = {"dtype": params.w_hh.dtype, "param_dtype": params.w_hh.dtype, "rngs": nnx.Rngs(0)}
    zeros = nnx.initializers.zeros_init()  # Flax's own, orthogonal, is not to be had in bfloat16
    act = ACTIVATIONS[activation]
    cell = nnx.SimpleCell(I, H, activation_fn=act, recurrent_kernel_init=zeros, **shared)
    linear = nnx.Linear(H, O, **shared)
    cell.dense_i.kernel, cell.dense_i.bias = (
        nnx.Param(params.w_xh),
        nnx.Param(params.b_h.reshape(H)),
    )
    cell.dense_h.kernel = nnx.Param(params.w_hh)
    linear.kernel, linear.bias = nnx.Param(params.w_ho), nnx.Param(params.b_o.reshape(O))
    return nnx.RNN(cell, time_major=True), linear


def tensor(value: Any) -> Any:
    """A torch tensor on the CPU, copied; torch knows the bits of NumPy's bfloat16, not its type."""
    torch = _library("torch")

    host = np.array(value)
    if host.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(host.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(host)


def array(value: Any) -> Float[Array, "..."]:
    """A torch tensor as a JAX array of its dtype. Raises TypeError for one that JAX has not got."""
    torch = _library("torch")

    host = value.detach().cpu()
    if host.dtype == torch.bfloat16:
        return jnp.asarray(host.view(torch.int16).numpy().view(ml_dtypes.bfloat16))
    if jax.dtypes.canonicalize_dtype(host.numpy().dtype) != host.numpy().dtype:
        raise TypeError(f"rnn has dtype {host.dtype}; expected JAX's jax_enable_x64 to be on")
    return jnp.asarray(host.numpy())


def _library(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        package = name.partition(".")[0]
        raise ImportError(f"this needs {package}: install it with pip install {package}") from error


def _expect(name: str, layer: object, kind: type) -> None:
    if not isinstance(layer, kind):
        wanted = f"{kind.__module__.split('.')[0]}'s {kind.__name__}"
        raise TypeError(f"{name} is a {type(layer).__name__}; expected {wanted}")


def _no_bias(weights: Float[Array, "K N"]) -> Float[Array, "N"]:
    return jnp.zeros_like(weights[0])


def _without_output(
    w_xh: Float[Array, "I H"], w_hh: Float[Array, "H H"], b_h: Float[Array, "H"]
) -> Params:
    return Params(w_xh, w_hh, b_h, w_hh[:, :0], b_h[:0])


def _reading_states(params: Params) -> Params:
    """The same, once the output layer is known to fit the states."""
    if (found := len(params.w_ho)) != (H := len(params.w_hh)):
        raise ValueError(f"linear reads {found} features; expected {H}, the hidden size of rnn")
    return params
