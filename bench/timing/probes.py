"""The programs that try to reach a ceiling. Their inputs are made of traced values, so that the
compiler can simplify none of them away.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from bench.cases.dtypes import FORMATS
from bench.records.facts import Ceiling
from kernels.common.numerics import dot
from kernels.contract import current_platform

DOT_SIZES = tuple(2**power for power in range(9, 14))
LONGEST_CALL_S = 0.1  # a size expected to take longer is left out
CHAINS, LINKS = 10, 32  # enough chains to fill two FMA pipes of latency 4, few enough for registers
ELEMENTS = {"cpu": 2**20, "gpu": 2**26}
FOOTPRINTS = tuple(2**power for power in range(16, 29, 2))
TRAFFIC, FEWEST_PASSES = 2**26, 4  # bytes and passes of one call: its start must not count
STEPS, STEPS_A_TRIP = 2**18, 256

Scalar = Float[Array, ""]


@dataclass(frozen=True, eq=False)
class Probe:
    """A call, how much of its kind it does, and the ceiling to be, without rounds."""

    ceiling: Ceiling
    amount: int
    call: Callable[[], object]


def probes(dtypes: Sequence[str]) -> Iterator[Probe]:
    """Every program, for cases in these dtypes."""
    for dtype in dtypes:
        yield from _dots(dtype)
    yield multiply_add(ELEMENTS[current_platform()])
    yield from map(_read_and_write, FOOTPRINTS)
    yield _steps_in_registers()
    yield _steps_of_scan()


def _dots(dtype: str) -> Iterator[Probe]:
    """Square matrix products, larger and larger."""
    kind = FORMATS[dtype]
    product = jax.jit(partial(dot, precision=kind.precision))
    for size in DOT_SIZES:
        a = jax.random.normal(jax.random.key(0), (size, size)).astype(kind.storage)
        ceiling = Ceiling("arithmetic", f"matrix product, {size} x {size}", (), dtype)
        probe = _probe(ceiling, 2 * size**3, lambda a=a: product(a, a))
        yield probe
        if 8 * _seconds(probe.call) > LONGEST_CALL_S:
            return


def _probe(ceiling: Ceiling, amount: int, call: Callable[[], object]) -> Probe:
    """With a call that waits for its result, and has been compiled."""
    jax.block_until_ready(call())
    return Probe(ceiling, amount, lambda: jax.block_until_ready(call()))


def _seconds(call: Callable[[], object]) -> float:
    start = perf_counter()
    call()
    return perf_counter() - start


@jax.jit
def _chains(x: Float[Array, "N"], a: Scalar, b: Scalar) -> Float[Array, "N"]:
    """CHAINS of LINKS multiply-adds for every element, all in registers."""
    chains = [x + start for start in range(CHAINS)]
    for _ in range(LINKS):
        chains = [chain * a + b for chain in chains]
    return sum(chains)


def multiply_add(elements: int) -> Probe:
    """Arithmetic that no memory can hold back."""
    x = jnp.ones(elements)
    how = f"float32 multiply-adds in registers, {CHAINS} chains for each of {x.size} elements"
    amount = 2 * CHAINS * LINKS * x.size
    return _probe(Ceiling("arithmetic", how, ()), amount, lambda: _chains(x, 0.99, 0.1))


@partial(jax.jit, static_argnames="passes", donate_argnames="x")
def _passes(x: Float[Array, "N"], sign: Scalar, passes: int) -> Float[Array, "N"]:
    """Read and write the whole array, in place, again and again."""
    return lax.fori_loop(0, passes, lambda _, x: x * sign, x)


def _read_and_write(footprint: int) -> Probe:
    passes = max(FEWEST_PASSES, TRAFFIC // footprint)
    kept = [jnp.ones(footprint // 4)]

    def call() -> Float[Array, "N"]:
        kept[0] = _passes(kept[0], -1.0, passes)  # which consumes its argument
        return kept[0]

    how = f"reading and writing {footprint // 2**10} KiB, over and over"
    ceiling = Ceiling("bandwidth", how, (), footprint=footprint)
    return _probe(ceiling, 2 * footprint * passes, call)


def _step(h: Scalar, z: Scalar, w: Scalar) -> Scalar:
    """relu(h w + z): the recurrence at H 1, B 1."""
    return jnp.maximum(h * w + z, 0)


@jax.jit
def _in_registers(h: Scalar, z: Scalar, w: Scalar) -> Scalar:
    def trip(_, h):
        for _ in range(STEPS_A_TRIP):
            h = _step(h, z, w)
        return h

    return lax.fori_loop(0, STEPS // STEPS_A_TRIP, trip, h)


def _steps_in_registers() -> Probe:
    h = jnp.float32(0)
    ceiling = Ceiling("serial", "relu(h w + z) at B 1, H 1, in registers", ())
    return _probe(ceiling, STEPS, lambda: _in_registers(h, 0.1, 0.5))


@jax.jit
def _scanned(z: Float[Array, "T"], w: Scalar) -> Float[Array, "T"]:
    def step(h, z_t):
        h = _step(h, z_t, w)
        return h, h

    return lax.scan(step, jnp.float32(0), z)[1]


def _steps_of_scan() -> Probe:
    """No ceiling for a kernel with a loop of its own, but what lax.scan's costs."""
    z = jnp.ones(2**12)
    ceiling = Ceiling("serial", "relu(h w + z) at B 1, H 1, by lax.scan", ())
    return _probe(ceiling, z.size, lambda: _scanned(z, 0.5))
