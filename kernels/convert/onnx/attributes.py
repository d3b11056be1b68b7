"""What a recurrent node's attributes say, and which of them we have."""

from dataclasses import dataclass
from typing import Any

from kernels.convert import shared

DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
# By operator: the activations of one direction, each with the cell that it makes;
ACTIVATIONS = {
    "RNN": {("Tanh",): "tanh", ("Relu",): "relu"},
    "GRU": {("Sigmoid", "Tanh"): "gru"},
    "LSTM": {("Sigmoid", "Tanh", "Tanh"): "lstm"},
}
# what it is called with, in order;
INPUTS = {
    "RNN": ("X", "W", "R", "B", "sequence_lens", "initial_h"),
    "GRU": ("X", "W", "R", "B", "sequence_lens", "initial_h"),
    "LSTM": ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"),
}
# and which values an attribute may have, where it is one of those that we know.
ALLOWED = {"direction": tuple(DIRECTIONS), "layout": (0, 1)}
OWN = {"RNN": {}, "GRU": {"linear_before_reset": (0, 1)}, "LSTM": {"input_forget": (0,)}}


@dataclass(frozen=True)
class Recurrent:
    """A recurrent node without its arrays; `cells` and `reverse` have an entry a direction."""

    label: str
    operator: str
    cells: tuple[str, ...]
    reverse: tuple[bool, ...]
    H: int
    batch_first: bool
    reset_before: bool


def label(node: Any) -> str:
    """What an error calls a node: by its name, or else by what it makes."""
    return f"node {node.name or next(iter(node.output), '')!r} ({node.op_type})"


def values(node: Any) -> dict[str, Any]:
    """A node's attributes, texts as str."""
    helper = shared.imported("onnx.helper")
    found = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    return {name: _as_text(value) for name, value in found.items()}


def _as_text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    return [_as_text(each) for each in value] if isinstance(value, list) else value


def read(node: Any) -> Recurrent:
    """The node, checked.

    Raises TypeError for something that is no node, ValueError for one that is not recurrent or has
    an attribute that we have not.
    """
    shared.expect("node", node, shared.imported("onnx").NodeProto)
    if node.op_type not in INPUTS or node.domain not in ("", "ai.onnx"):
        raise ValueError(f"{label(node)} is not recurrent; expected RNN, GRU or LSTM")
    given, operator = values(node), node.op_type
    activations = given.pop("activations", [])
    H = given.pop("hidden_size", None)
    if H is None:  # the standard allows it to be missing, ONNX Runtime does not
        raise ValueError(f"{label(node)} has no hidden_size; expected one")
    _check(label(node), given, ALLOWED | OWN[operator])
    reverse = DIRECTIONS[given.get("direction", "forward")]
    return Recurrent(
        label=label(node),
        operator=operator,
        cells=_cells(label(node), operator, activations, len(reverse)),
        reverse=reverse,
        H=H,
        batch_first=given.get("layout", 0) == 1,
        reset_before=operator == "GRU" and given.get("linear_before_reset", 0) == 0,
    )


def _check(where: str, given: dict[str, Any], allowed: dict[str, tuple[Any, ...]]) -> None:
    for name, value in given.items():
        if name not in allowed:
            raise ValueError(f"{where} has {name} {value!r}; expected no such attribute")
        if value not in allowed[name]:
            expected = " or ".join(map(repr, allowed[name]))
            raise ValueError(f"{where} has {name} {value!r}; expected {expected}")


def _cells(where: str, operator: str, given: list[str], directions: int) -> tuple[str, ...]:
    """Each direction's cell; the first of those that the operator makes is ONNX's default."""
    known = ACTIVATIONS[operator]
    default = next(iter(known))
    each = len(default)
    parts = [tuple(given[n : n + each]) for n in range(0, len(given), each)]
    parts = parts or [default] * directions
    if len(parts) != directions or not all(part in known for part in parts):
        expected = " or ".join(str(list(part)) for part in known)
        of_each = ", for each direction" if directions > 1 else ""
        raise ValueError(f"{where} has activations {given}; expected {expected}{of_each}")
    return tuple(known[part] for part in parts)
