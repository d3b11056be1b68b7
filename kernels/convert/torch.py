"""Weights to and from `torch.nn.RNN`, `GRU`, `LSTM` and `torch.nn.Linear`."""

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
from jaxtyping import Array, Float

from kernels.convert import shared
from reference import CELLS, Params, Readout

LAYERS = {"relu": "RNN", "tanh": "RNN", "gru": "GRU", "lstm": "LSTM"}  # classes of `torch.nn`
CELL_OF = {"RNN": "relu", "GRU": "gru", "LSTM": "lstm"}  # tanh has the weights of relu
WITH_COUNTERPART = {"num_layers": 1, "bidirectional": False, "proj_size": 0, "dropout": 0}


def from_torch(rnn: Any, linear: Any = None) -> Params:
    """The parameters of a `torch.nn.RNN`, `GRU` or `LSTM`, and of a `Linear` that reads its states.

    torch adds two biases, of which ours is the sum; a gru's n has both. `batch_first` is no weight:
    our x is (T, B, I). Without `linear` there is no readout.

    Raises TypeError for another layer or a dtype that JAX does not hold here, ValueError for more
    than one layer or direction, a projection or dropout, or a `linear` that does not read the
    states.
    """
    torch = shared.imported("torch")

    shared.expect("rnn", rnn, *(getattr(torch.nn, name) for name in CELL_OF))
    shared.expect_options("rnn", rnn, WITH_COUNTERPART)
    cell = next(cell for name, cell in CELL_OF.items() if isinstance(rnn, getattr(torch.nn, name)))
    w_x, w_h = array(rnn.weight_ih_l0).T, array(rnn.weight_hh_l0).T
    names = ("bias_ih_l0", "bias_hh_l0")
    biases = [array(getattr(rnn, name)) if rnn.bias else shared.no_bias(w_h) for name in names]
    halves = shared.Halves(w_x, w_h, *biases)
    weights = shared.together(CELLS[cell], halves, shared.TORCH[cell])
    if linear is None:
        return shared.model(weights, None)
    shared.expect("linear", linear, torch.nn.Linear)
    w = array(linear.weight).T
    b = shared.no_bias(w) if linear.bias is None else array(linear.bias)
    return shared.model(weights, Readout(w, b))


def to_torch(params: Params, *, cell: str = "relu") -> tuple[Any, Any]:
    """The cell's layer of `torch.nn` and a `torch.nn.Linear` or None, on torch's default device.

    Where torch has two biases and we one, it becomes the input's, and the other is zero.
    """
    torch = shared.imported("torch")

    kind, weights, readout = shared.checked(params, cell)
    halves = shared.apart(kind, weights, shared.TORCH[cell])
    (I, _), H = halves.w_x.shape, len(halves.w_h)  # noqa: E741
    options = {"nonlinearity": cell} if LAYERS[cell] == "RNN" else {}
    rnn = getattr(torch.nn, LAYERS[cell])(I, H, dtype=tensor(halves.w_h).dtype, **options)
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    rnn.load_state_dict({name: tensor(each.T) for name, each in zip(names, halves, strict=True)})
    return rnn, None if readout is None else _linear(torch, readout)


def _linear(torch: Any, readout: Readout) -> Any:
    weight, bias = tensor(readout.w.T), tensor(readout.b.reshape(-1))
    with warnings.catch_warnings(action="ignore"):  # of an empty layer's weights, which are meant
        linear = torch.nn.Linear(weight.shape[1], weight.shape[0], dtype=weight.dtype)
    linear.load_state_dict({"weight": weight, "bias": bias})
    return linear


def tensor(value: Any) -> Any:
    """A torch tensor on the CPU, copied; torch knows the bits of NumPy's bfloat16, not its type."""
    torch = shared.imported("torch")

    host = np.array(value)
    if host.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(host.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(host)


def array(value: Any) -> Float[Array, "..."]:
    """A torch tensor as a JAX array of its dtype. Raises TypeError for one that JAX has not got."""
    torch = shared.imported("torch")

    host = value.detach().cpu()
    if host.dtype == torch.bfloat16:
        return jnp.asarray(host.view(torch.int16).numpy().view(ml_dtypes.bfloat16))
    if jax.dtypes.canonicalize_dtype(host.numpy().dtype) != host.numpy().dtype:
        raise TypeError(f"rnn has dtype {host.dtype}; expected JAX's jax_enable_x64 to be on")
    return jnp.asarray(host.numpy())
