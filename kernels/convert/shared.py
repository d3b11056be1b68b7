"""What moving weights takes, whichever library they come from."""

import importlib
from types import ModuleType

import jax.numpy as jnp
from jaxtyping import Array, Float

from reference import Params


def library(name: str) -> ModuleType:
    """The library. Raises ImportError, which says how to install it, where it is missing."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        package = name.partition(".")[0]
        raise ImportError(f"this needs {package}: install it with pip install {package}") from error


def expect(name: str, layer: object, kind: type) -> None:
    """Raises TypeError, which names the argument, for a layer of another kind."""
    if not isinstance(layer, kind):
        expected = f"{kind.__module__.split('.')[0]}'s {kind.__name__}"
        raise TypeError(f"{name} is a {type(layer).__name__}; expected {expected}")


def no_bias(weights: Float[Array, "K N"]) -> Float[Array, "N"]:
    """Zeros, for a layer without one."""
    return jnp.zeros_like(weights[0])


def without_output(
    w_xh: Float[Array, "I H"], w_hh: Float[Array, "H H"], b_h: Float[Array, "H"]
) -> Params:
    """The same layer with an output of size 0."""
    return Params(w_xh, w_hh, b_h, w_hh[:, :0], b_h[:0])


def reading_states(params: Params) -> Params:
    """The same. Raises ValueError unless the output layer reads as many features as H."""
    if (found := len(params.w_ho)) != (H := len(params.w_hh)):
        raise ValueError(f"linear reads {found} features; expected {H}, the hidden size of rnn")
    return params
