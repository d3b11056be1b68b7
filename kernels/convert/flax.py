"""Weights to and from `flax.nnx.RNN` of its simple cell, GRU or LSTM, and `flax.nnx.Linear`."""

from collections.abc import Iterable, Sequence
from typing import Any

from kernels.convert import flax_cell, shared
from reference import Layer, Params, Readout
from reference.cells import Cell


def from_flax(rnn: Any, linear: Any = None) -> Params:
    """The parameters of layers of such cells, and of the `Linear` on their states.

    A layer is a `flax.nnx.RNN`, which runs in reverse if its `reverse` and `keep_order` are true,
    or a `Bidirectional` of two. Several are a list, a tuple or a `flax.nnx.Sequential` of these.
    Without `linear` there is no readout.

    Raises TypeError for another layer or cell; ValueError for no layer, a residual cell, one of
    other activations than ours or than the others', outputs in reverse order, directions that are
    not concatenated, or a layer or `linear` that does not read what the layer before it gives.
    """
    nnx = shared.imported("flax.nnx")

    several = isinstance(rnn, Sequence | nnx.Sequential)
    named = {f"rnn[{n}]": each for n, each in enumerate(rnn)} if several else {"rnn": rnn}
    if not named:
        raise ValueError("rnn is empty; expected at least one layer")
    found = {name: _cells(nnx, name, layer) for name, layer in named.items()}
    cell = _common(nnx, [each for layer in found.values() for each in layer if each is not None])
    weighted = {
        name: Layer(*(way and flax_cell.weights_of(nnx, way[1], cell) for way in layer))
        for name, layer in found.items()
    }
    _check_sizes(weighted)
    layers = tuple(weighted.values())
    if linear is None:
        return shared.model(layers, None)
    shared.expect("linear", linear, nnx.Linear)
    return shared.model(layers, Readout(*flax_cell.dense(linear)))


def _cells(nnx: Any, name: str, layer: Any) -> Layer:
    """A place and a cell for each direction."""
    shared.expect(name, layer, nnx.RNN, nnx.Bidirectional)
    if isinstance(layer, nnx.RNN):
        cell = f"{name}.cell", layer.cell
        if layer.reverse:
            shared.expect_options(f"{name} is reversed and", layer, {"keep_order": True})
        return Layer(None, cell) if layer.reverse else Layer(cell)
    if layer.merge_fn is not nnx.Bidirectional.merge_fn:
        raise ValueError(f"{name} has a merge_fn of its own; expected flax's, concatenation")
    ways = {f"{name}.{way}": getattr(layer, way) for way in ("forward_rnn", "backward_rnn")}
    for place, way in ways.items():
        shared.expect(place, way, nnx.RNN)  # its own `reverse` counts for nothing here
    return Layer(*((f"{place}.cell", way.cell) for place, way in ways.items()))


def _common(nnx: Any, cells: Iterable[tuple[str, Any]]) -> str:
    """The one name of all cells, each beside its place."""
    names = {place: flax_cell.name_of(nnx, place, cell) for place, cell in cells}
    first, expected = next(iter(names.items()))
    for place, name in names.items():
        if name != expected:
            raise ValueError(f"{place} is of cell {name!r}; expected {expected!r}, that of {first}")
    return expected


def _check_sizes(named: dict[str, Layer]) -> None:
    """A layer reads what the one before it gives, and its directions have one hidden size."""
    size = None
    for name, layer in named.items():
        ways = [way for way in layer if way is not None]
        hidden = len(ways[0].w_h)
        for way in ways:
            size = len(way.w_x) if size is None else size
            if (found := len(way.w_x)) != size:
                raise ValueError(f"{name} reads {found} features; expected {size}")
            if (found := len(way.w_h)) != hidden:
                raise ValueError(
                    f"{name} has hidden size {found} in reverse; expected {hidden}, as forward"
                )
        size = shared.outputs(layer)


def to_flax(params: Params, *, cell: str = "relu") -> tuple[Any, Any]:
    """A time-major layer of the cell, or a list of several, and a `flax.nnx.Linear` or None.

    A layer is a `flax.nnx.RNN`, or a `Bidirectional` of two, so weighted. A `GRUCell`'s layer
    `dense_h` is given a bias, for n_h, which Flax leaves out by default. An lstm becomes an
    `OptimizedLSTMCell`, whose carry is (c, h).
    """
    nnx = shared.imported("flax.nnx")

    kind, (layers, readout) = shared.checked(params, cell)
    made = [_made(nnx, kind, layer) for layer in layers]
    linear = readout and flax_cell.linear(nnx, readout.w, readout.b.reshape(-1))
    return made[0] if len(made) == 1 else made, linear


def _made(nnx: Any, cell: Cell, layer: Layer) -> Any:
    forward, reverse = (way and flax_cell.made(nnx, cell, way) for way in layer)
    if reverse is None:
        return nnx.RNN(forward, time_major=True)
    backward = nnx.RNN(reverse, time_major=True, reverse=True, keep_order=True)
    if forward is None:
        return backward
    return nnx.Bidirectional(nnx.RNN(forward, time_major=True), backward, time_major=True)
