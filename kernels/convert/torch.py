"""Weights to and from `torch.nn.RNN` and `torch.nn.Linear`."""

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
from jaxtyping import Array, Float

from kernels.common import checks
from kernels.convert.shared import expect, library, no_bias, reading_states, without_output
from reference import ACTIVATIONS, Params

ONE_LAYER = {"num_layers": 1, "bidirectional": False, "proj_size": 0}


def from_torch(rnn: Any, linear: Any = None) -> Params:
    """The parameters of a `torch.nn.RNN`, and of the `torch.nn.Linear` that reads its states.

    torch adds two biases, of which ours is the sum. `batch_first` is no weight: our x is (T, B, I).
    Without `linear` the output layer is empty (O 0).

    Raises TypeError for another layer or a dtype that JAX does not hold here, ValueError for an
    RNN that is not one layer in one direction, or a `linear` that does not read its states.
    """
    torch = library("torch")

    expect("rnn", rnn, torch.nn.RNN)
    for name, expected in ONE_LAYER.items():
        if (found := getattr(rnn, name)) != expected:
            raise ValueError(f"rnn has {name} {found!r}; expected {expected!r}")
    w_xh, w_hh = array(rnn.weight_ih_l0).T, array(rnn.weight_hh_l0).T
    b_h = array(rnn.bias_ih_l0 + rnn.bias_hh_l0) if rnn.bias else no_bias(w_hh)
    if linear is None:
        return without_output(w_xh, w_hh, b_h)
    expect("linear", linear, torch.nn.Linear)
    w_ho = array(linear.weight).T
    b_o = no_bias(w_ho) if linear.bias is None else array(linear.bias)
    return reading_states(Params(w_xh, w_hh, b_h, w_ho, b_o))


def to_torch(params: Params, activation: str = "relu") -> tuple[Any, Any]:
    """A `torch.nn.RNN` and a `torch.nn.Linear` with these parameters, on torch's default device.

    Our one bias becomes torch's input bias; its other one is zero.
    """
    torch = library("torch")

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


def tensor(value: Any) -> Any:
    """A torch tensor on the CPU, copied; torch knows the bits of NumPy's bfloat16, not its type."""
    torch = library("torch")

    host = np.array(value)
    if host.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(host.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(host)


def array(value: Any) -> Float[Array, "..."]:
    """A torch tensor as a JAX array of its dtype. Raises TypeError for one that JAX has not got."""
    torch = library("torch")

    host = value.detach().cpu()
    if host.dtype == torch.bfloat16:
        return jnp.asarray(host.view(torch.int16).numpy().view(ml_dtypes.bfloat16))
    if jax.dtypes.canonicalize_dtype(host.numpy().dtype) != host.numpy().dtype:
        raise TypeError(f"rnn has dtype {host.dtype}; expected JAX's jax_enable_x64 to be on")
    return jnp.asarray(host.numpy())
