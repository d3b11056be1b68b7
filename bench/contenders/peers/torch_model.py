"""Both passes of a model written in PyTorch: the losses and gradients of `bench.cases.programs`."""

import math
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np

from bench.cases.case import Case
from bench.cases.dtypes import FORMATS
from bench.cases.inputs import make_inputs
from bench.contenders.peers.peer import Outputs, Runnable
from bench.timing import processor
from kernels import convert


@runtime_checkable
class Model(Protocol):
    """Called, it returns outputs (T, B, O), the last state (B, H) and all states (T, B, H)."""

    parameters: tuple[Any, ...]  # as many as ours

    def __call__(self, x: Any, h0: Any) -> tuple[Any, Any, Any]: ...

    def ours(self, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        """Those of its parameters in the order and orientation of `reference.Params`."""


def runnable(case: Case, model: Model, device: str) -> Runnable:
    """The case with our inputs on that device; torch compiles nothing."""
    import torch

    if device == "cpu":
        torch.set_num_threads(processor.threads())
    allowed = FORMATS[case.dtype].precision == "tf32"
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allowed
    inputs = make_inputs(case.workload, case.dtype)
    arrays = inputs.x, inputs.h0, inputs.targets.y, inputs.targets.h[-1]
    call, outputs = _PASSES[case.phase](model, *(on(device, value) for value in arrays))
    return Runnable(_waiting(call, device), outputs)


def on(device: str, value: jax.Array) -> Any:
    """The array as a tensor there."""
    return convert.tensor(value).to(device)


Pass = tuple[Callable[[], Any], Callable[[Any], Outputs]]


def _forward(model: Model, x: Any, h0: Any, *_: Any) -> Pass:
    import torch

    def call():
        with torch.inference_mode():
            return model(x, h0)

    def outputs(results):
        y, h_last, _ = map(array, results)
        return Outputs(y, h_last)

    return call, outputs


def _train(model: Model, x: Any, h0: Any, y_target: Any, h_target: Any) -> Pass:
    """Value and gradient of the loss with respect to all parameters."""
    import torch

    def call():
        y, h_last, h = model(x, h0)
        loss = _half_mean_square(y, y_target) + _half_mean_square(h_last, h_target)
        gradients = torch.autograd.grad(loss, model.parameters)
        return (y.detach(), h_last.detach(), h.detach()), gradients

    def outputs(results):
        states, gradients = jax.tree.map(array, results)
        return Outputs(*states, model.ours(gradients))

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
