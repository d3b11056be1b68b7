"""Weights to and from `torch.nn.RNN`, `GRU`, `LSTM` and `torch.nn.Linear`."""

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
from jaxtyping import Array, Float

from kernels.convert import shared
from reference import CELLS, Layer, Params, Readout, Weights
from reference.cells import Cell

LAYERS = {"relu": "RNN", "tanh": "RNN", "gru": "GRU", "lstm": "LSTM"}  # classes of `torch.nn`
CELL_OF = {"RNN": "relu", "GRU": "gru", "LSTM": "lstm"}  # tanh has the weights of relu
WITH_COUNTERPART = {"proj_size": 0, "dropout": 0}
ENDINGS = Layer("", "_reverse")  # of a direction's names in torch
KINDS = "weight_ih", "weight_hh", "bias_ih", "bias_hh"  # in the order of `shared.Halves`


def from_torch(rnn: Any, linear: Any = None) -> Params:
    """The parameters of a `torch.nn.RNN`, `GRU` or `LSTM`, and of a `Linear` that reads its states.

    `num_layers` and `bidirectional` are the structure of what is returned. torch's h_n of shape
    (layers and directions, B, H) has our last states one after another: those of the first layer,
    forward and reverse, then those of the next.

    torch adds two biases, of which ours is the sum; a gru's n has both. `batch_first` is no weight:
    our x is (T, B, I). Without `linear` there is no readout.

    Raises TypeError for another layer or a dtype that JAX does not hold here, ValueError for a
    projection or dropout, or a `linear` that does not read the states of all directions.
    """
    torch = shared.imported("torch")

    shared.expect("rnn", rnn, *(getattr(torch.nn, name) for name in CELL_OF))
    shared.expect_options("rnn", rnn, WITH_COUNTERPART)
    cell = next(cell for name, cell in CELL_OF.items() if isinstance(rnn, getattr(torch.nn, name)))
    endings = ENDINGS if rnn.bidirectional else ENDINGS[:1]
    layers = tuple(
        Layer(*(_weights(CELLS[cell], rnn, f"l{n}{ending}") for ending in endings))
        for n in range(rnn.num_layers)
    )
    if linear is None:
        return shared.model(layers, None)
    shared.expect("linear", linear, torch.nn.Linear)
    w = array(linear.weight).T
    b = shared.no_bias(w) if linear.bias is None else array(linear.bias)
    return shared.model(layers, Readout(w, b))


def _weights(cell: Cell, rnn: Any, place: str) -> Weights:
    w_x, w_h = (array(getattr(rnn, f"{kind}_{place}")).T for kind in KINDS[:2])
    biases = [
        array(getattr(rnn, f"{kind}_{place}")) if rnn.bias else shared.no_bias(w_h)
        for kind in KINDS[2:]
    ]
    return shared.together(cell, shared.Halves(w_x, w_h, *biases), shared.TORCH[cell.name])


def to_torch(params: Params, *, cell: str = "relu") -> tuple[Any, Any]:
    """All layers as one of `torch.nn`, and a `torch.nn.Linear` or None, on torch's default device.

    Where torch has two biases and we one, it becomes the input's, and the other is zero.

    Raises ValueError unless all layers are forward, or all in both directions, and of one hidden
    size.
    """
    torch = shared.imported("torch")

    kind, (layers, readout) = shared.checked(params, cell)
    _check_alike(layers)
    w_x, w_h, _ = layers[0].forward
    options = {"nonlinearity": cell} if LAYERS[cell] == "RNN" else {}
    options |= {"num_layers": len(layers), "bidirectional": layers[0].reverse is not None}
    rnn = getattr(torch.nn, LAYERS[cell])(len(w_x), len(w_h), dtype=tensor(w_h).dtype, **options)
    rnn.load_state_dict(_tensors(kind, layers))
    return rnn, None if readout is None else _linear(torch, readout)


def _tensors(cell: Cell, layers: tuple[Layer, ...]) -> dict[str, Any]:
    """Every weight by torch's name."""
    named = {}
    for n, layer in enumerate(layers):
        for ending, weights in zip(ENDINGS, layer, strict=True):
            if weights is not None:
                halves = shared.apart(cell, weights, shared.TORCH[cell.name])
                places = [f"{kind}_l{n}{ending}" for kind in KINDS]
                named |= {place: tensor(each.T) for place, each in zip(places, halves, strict=True)}
    return named


def _check_alike(layers: tuple[Layer, ...]) -> None:
    """One module of torch has one hidden size, and each layer forward, or each in both ways."""
    for n, layer in enumerate(layers):
        if layer.forward is None:
            raise ValueError(
                f"params.layers[{n}].forward is None; expected weights, for torch has no layer "
                "that is reverse alone"
            )
        if (layer.reverse is None) != (layers[0].reverse is None):
            found, expected = (2 - each.count(None) for each in (layer, layers[0]))
            raise ValueError(
                f"params.layers[{n}] has directions: {found}; expected {expected}, as the first "
                "layer has"
            )
        found, expected = (len(each.forward.w_h) for each in (layer, layers[0]))
        if found != expected:
            raise ValueError(
                f"params.layers[{n}] has hidden size {found}; expected {expected}, that of the "
                "first layer"
            )


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
