"""Running and lowering Mosaic GPU kernels on a machine without a GPU.

Pallas's interpreter executes barriers, copies and wgmma on the CPU and looks for races; lowering
for a described GPU runs layout inference. Neither knows registers, speed, or the hardware's
rounding inside a product.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
from jax._src.pallas.mosaic_gpu import core
from jax._src.pallas.mosaic_gpu.interpret import gpu_callbacks, jaxpr_interpret, shared_memory
from jax._src.pallas.mosaic_gpu.interpret.interpret_pallas_call import get_races
from jax._src.state.types import AbstractRef
from jax.experimental import pallas as pl
from jax.experimental.pallas import mosaic_gpu as plgpu
from jax.sharding import AbstractDevice, AbstractMesh, AxisType, use_abstract_mesh

from kernels.mosaic import computing


class Race(Exception):
    """Two accesses to the same memory, one of them a write, that nothing orders."""


def interpret(function: Callable[..., Any], *arrays: Any) -> Any:
    """The function's result from the interpreter. Raises `Race` where there is one."""
    interpreted = plgpu.force_gpu_interpret_mode(plgpu.InterpretGPUParams(detect_races=True))
    # The interpreter's effects cannot pass through what divides a call over devices.
    one_device = jax.set_mesh(jax.make_mesh((1,), ("device",), axis_types=(AxisType.Auto,)))
    with _accepts_register_operands(), _accepts_initial_accumulators(), interpreted, one_device:
        try:
            result = jax.block_until_ready(jax.jit(lambda *a: function(*a))(*arrays))
        except jax.errors.JaxRuntimeError as error:
            if "RACE DETECTED" not in str(error):
                raise
            raise Race from error
    if get_races().races_found:
        raise Race
    return result


def lower(function: Callable[..., Any], *arrays: Any) -> str:
    """The function as lowered for an H100: raises where Mosaic finds no layout."""
    device = AbstractDevice("NVIDIA H100 80GB HBM3", 132, "cuda")
    with use_abstract_mesh(AbstractMesh((1,), ("device",), abstract_device=device)):
        traced = jax.jit(lambda *a: function(*a)).trace(*arrays)
        return traced.lower(lowering_platforms=("cuda",)).as_text()


@contextmanager
def _accepts_initial_accumulators() -> Iterator[None]:
    """The interpreter lacks `run_state`: start the accumulator at zero and add afterwards."""

    def multiply_add(start, multiply):
        def product(acc):
            multiply(acc)
            return acc[...]

        return pl.run_scoped(product, plgpu.ACC(start.shape, jnp.float32)) + start

    with mock.patch.object(computing, "multiply_add", multiply_add):
        yield


@contextmanager
def _accepts_register_operands() -> Iterator[None]:
    """The interpreter wants wgmma's operands as references: give it one to a register operand."""
    interpreter = jaxpr_interpret.JaxprInterpreter
    original = interpreter._interpret_wgmma_ref_p

    def wgmma(self, eqn, token, get_invals):
        if isinstance(eqn.invars[1].aval, AbstractRef):
            return original(self, eqn, token, get_invals)
        accumulator, operand, *others = get_invals()
        token, request = gpu_callbacks.call_make_allocation_request_array(
            token=token,
            compute_unit=self.thread,
            memory_space_id=shared_memory.get_memory_space_idx(core.MemorySpace.REGS),
            initial_ref_count=1,
        )
        token, key = gpu_callbacks.call_allocate_buffer(
            token=token,
            mesh_location=self.mesh_location,
            thread=self.thread,
            allocation_request_as_array=request,
            value=operand,
            source_info=eqn.source_info,
        )
        return original(self, eqn, token, lambda: [accumulator, key, *others])

    with mock.patch.object(interpreter, "_interpret_wgmma_ref_p", wgmma):
        yield
