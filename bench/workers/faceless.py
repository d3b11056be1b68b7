"""The face of revisions from before there was one: up to November 2026."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module

import jax.numpy as jnp


class Faceless:
    """`kernels.face`, version 1, on the packages that are in the list of modules now."""

    def __init__(self):
        """Import what takes its place."""
        self._kernels = import_module("kernels")
        self._contract = import_module("kernels.contract")
        self._registry = import_module("kernels.registry").KERNELS

    def names(self) -> tuple[str, ...]:
        """Every kernel."""
        return tuple(self._registry)

    def why_not(
        self, name: str, *, T: int, B: int, H: int, dtype: str, activation: str, precision: str
    ) -> str | None:
        """Why the kernel cannot run such a problem here, or None: it can, and is prepared."""
        kernel, platform = self._registry[name], self._contract.current_platform()
        problem = self._contract.Problem(T, B, H, jnp.dtype(dtype), activation, precision, platform)
        return kernel.unavailable(platform) or kernel.unsupported(problem) or kernel.prepare()

    def emulated(self, name: str) -> str | None:
        """Why timing it here would mean nothing, or None."""
        return self._registry[name].emulated(self._contract.current_platform())

    def functions(self, name: str, *, activation: str, precision: str) -> Mapping[str, Callable]:
        """`recurrence` of (z, w_hh, h0) and `rnn` of (params, x, h0)."""
        options = {"kernel": name, "activation": activation, "precision": precision}
        return {
            "recurrence": partial(self._kernels.recurrence, **options),
            "rnn": partial(self._kernels.rnn, **options),
        }
