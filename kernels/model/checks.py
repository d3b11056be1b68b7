"""Argument checks, made before anything is traced or compiled."""

from collections.abc import Mapping
from functools import partial
from numbers import Integral
from typing import Any

import jax

from kernels.contract import DTYPES

Sizes = dict[str, int]
Named = dict[str, tuple[Any, str]]  # arrays and the names of their axes, by the arrays' names


def one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    """Raise ValueError unless the value is one of those allowed."""
    if value not in allowed:
        expected = ", ".join(map(repr, allowed))
        raise ValueError(f"{name} is {value!r}; expected one of {expected}")


def positive(name: str, value: object) -> None:
    """Raise ValueError unless the value is a whole number of at least 1."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} is {value!r}; expected a whole number of at least 1")


def arrays(
    named: Mapping[str, tuple[Any, str]],
    known: Sizes | None = None,
    like: tuple[str, Any] | None = None,
) -> Sizes:
    """Hold arrays against axis names such as "T B H" and return the size of every axis.

    The first array to use an axis that is not known yet defines its size, and 4H is four times that
    of H; a leading "1?" is an optional axis of one row; the array `like`, or the first, sets the
    dtype of all. Only T and O may be empty. What follows " # " is added to the sentence about a
    wrong shape.

    Raises TypeError for something that is no array or has a wrong dtype, ValueError for a wrong
    rank or size.
    """
    sizes = dict(known or {})
    first, reference = like or next((name, array) for name, (array, _) in named.items())
    for name, (array, axes) in named.items():
        _check_dtype(name, array, first, reference)
        _check_shape(name, array.shape, axes, sizes)
    return sizes


def _check_dtype(name: str, array: Any, first: str, reference: Any) -> None:
    if not (hasattr(array, "shape") and hasattr(array, "dtype")):
        raise TypeError(f"{name} is a {type(array).__name__}; expected an array")
    if str(array.dtype) not in DTYPES:
        raise TypeError(f"{name} has dtype {array.dtype}; expected one of {', '.join(DTYPES)}")
    if jax.dtypes.canonicalize_dtype(array.dtype) != array.dtype:
        raise TypeError(f"{name} has dtype {array.dtype}; expected JAX's jax_enable_x64 to be on")
    if array.dtype != reference.dtype:
        raise TypeError(
            f"{name} has dtype {array.dtype}; expected {reference.dtype}, the dtype of {first}"
        )


def _check_shape(name: str, shape: tuple[int, ...], axes: str, sizes: Sizes) -> None:
    axes, _, whose = axes.partition(" # ")
    optional, labels = axes.startswith("1? "), axes.removeprefix("1? ").split()
    labels = [label.removeprefix("1") for label in labels]
    own = shape[1:] if optional and len(shape) == 2 and shape[0] == 1 else shape
    expected = f"({', '.join(labels)})"
    if any(_known(label, sizes) is not None for label in labels):
        expected += f" = ({', '.join(str(_or_name(label, sizes)) for label in labels)})"
    if len(own) != len(labels) or not all(map(partial(_bind, sizes), labels, own)):
        raise ValueError(f"{name} has shape {tuple(shape)}; expected {expected} {whose}".rstrip())
    sized = zip(labels, own, strict=True)
    if empty := [label for label, size in sized if not size and label in "BIH"]:
        raise ValueError(f"{name} has shape {tuple(shape)}; expected {empty[0]} to be at least 1")


def _known(label: str, sizes: Sizes) -> int | None:
    """The size of an axis such as H, or 4H, if it is known."""
    axis = label.lstrip("0123456789")
    times = label.removesuffix(axis)
    return sizes[axis] * int(times or 1) if axis in sizes else None


def _or_name(label: str, sizes: Sizes) -> int | str:
    return label if (size := _known(label, sizes)) is None else size


def _bind(sizes: Sizes, label: str, size: int) -> bool:
    """Whether the size is the axis's own, which the first array to use the axis defines."""
    if (known := _known(label, sizes)) is None:
        sizes[label] = known = size
    return size == known
