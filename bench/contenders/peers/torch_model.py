"""Both passes of a model written in PyTorch: the losses and gradients of `bench.cases.programs`."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np
from jaxtyping import PyTree

from bench.cases.case import Case
from bench.cases.dtypes import FORMATS
from bench.cases.programs import inputs_of
from bench.contenders.peers.peer import Outputs, Runnable
from bench.timing import processor
from kernels import convert


@runtime_checkable
class Model(Protocol):
    """Called, it returns outputs (T, B, O), the last states and the last layer's h (T, B, D).

    States are arrays (B, H) one after the other, as they lie in `bench.cases.inputs`.
    """

    parameters: tuple[Any, ...]  # those that are trained

    def __call__(self, x: Any, start: Any) -> tuple[Any, tuple[Any, ...], Any]: ...

    def start(self, initial: tuple[Any, ...]) -> Any:
        """Initial states as it takes them, made before anything is timed."""

    def below(self, x: Any, start: Any) -> tuple[Any, ...]:
        """The h of every layer but the last, by models cut off behind them."""

    def ours(self, gradients: tuple[Any, ...]) -> PyTree:
        """Those of its parameters, its leaves in the order of `reference.Params`."""


class OneLayer:
    """What a `Model` of one layer in one direction need not say."""

    def start(self, initial: tuple[Any, ...]) -> tuple[Any, ...]:
        """As they are."""
        return initial

    def below(self, x: Any, start: Any) -> tuple[Any, ...]:
        """There is no other layer."""
        return ()


def runnable(case: Case, model: Model, device: str) -> Runnable:
    """The case with our inputs on that device; torch compiles nothing."""
    import torch

    if device == "cpu":
        torch.set_num_threads(processor.threads())
    allowed = FORMATS[case.dtype].precision == "tf32"
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allowed
    inputs = inputs_of(case)
    arrays = inputs.x, inputs.initial, inputs.targets.y, inputs.targets.last
    x, initial, *targets = jax.tree.map(partial(on, device), arrays)
    start = model.start(tuple(jax.tree.leaves(initial)))
    call, outputs = _PASSES[case.phase](model, x, start, *targets)
    return Runnable(_waiting(call, device), outputs)


def on(device: str, value: jax.Array) -> Any:
    """The array as a tensor there."""
    return convert.tensor(value).to(device)


Pass = tuple[Callable[[], Any], Callable[[Any], Outputs]]


def _forward(model: Model, x: Any, start: Any, *_: Any) -> Pass:
    import torch

    def call():
        with torch.inference_mode():
            return model(x, start)

    def outputs(results):
        y, last, _ = jax.tree.map(array, results)
        return Outputs(y, last)

    return call, outputs


def _train(model: Model, x: Any, start: Any, y_target: Any, last_target: tuple[Any, ...]) -> Pass:
    """Value and gradient of the loss with respect to all parameters."""
    import torch

    targets, structure = jax.tree.flatten(last_target)

    def call():
        y, last, h = model(x, start)
        loss = _half_mean_square(y, y_target) + sum(map(_half_mean_square, last, targets))
        gradients = torch.autograd.grad(loss, model.parameters)
        return (y.detach(), tuple(each.detach() for each in last), h.detach()), gradients

    def outputs(results):
        with torch.no_grad():
            below = model.below(x, start)
        (y, last, h), gradients, below = jax.tree.map(array, (*results, below))
        return Outputs(y, structure.unflatten(last), (*below, h), model.ours(gradients))

    return call, outputs


_PASSES = {"forward": _forward, "train": _train}


def _half_mean_square(got: Any, target: Any) -> Any:
    return 0.5 * ((got.float() - target) ** 2).sum() / max(math.prod(got.shape[:-1]), 1)


def _waiting(call: Callable[[], Any], device: str) -> Callable[[], Any]:
    import torch

    def wait():
        results = call()
        if device == "cuda":
            torch.cuda.synchronize()
        return results

    return wait


def array(value: Any) -> np.ndarray:
    """A tensor in NumPy, widened to at least float32."""
    return value.float().cpu().numpy()
