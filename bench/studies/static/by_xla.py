"""Any JAX program, compiled for the H200 by XLA without one.

Two folders are watched meanwhile. XLA dumps the sequence of launches it settled on; and the ptxas
it is given is a script of ours, which keeps a copy of the machine code. Mosaic GPU has an
assembler of its own but dumps its assembly, to a folder set before JAX is imported (`prepare`).
"""

import os
import re
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.studies.static import cubin, thunks

MOSAIC_DUMP = "MOSAIC_GPU_DUMP_TO"
PTXAS = """#!/bin/sh
"{ptxas}" "$@" || exit $?
if [ "$2" = -o ]; then cp "$3" "{kept}/$$.cubin"; fi
"""


class Unavailable(Exception):
    """This environment cannot compile for an H200; the message says what is missing."""


@dataclass(frozen=True)
class Program:
    """What a compiled program runs: its functions, its launches a call, and its making."""

    functions: tuple[cubin.Usage, ...]
    launches: int
    compile_s: float


def prepare(folder: Path) -> None:
    """To be called before JAX is imported: no device is looked for, Mosaic dumps to the folder."""
    os.environ |= {"JAX_PLATFORMS": "cpu", MOSAIC_DUMP: str(folder)}


def compile_program(function: Callable, operands: Sequence[Any]) -> Program:
    """Compile a function of trees of `jax.ShapeDtypeStruct`s.

    Raises Unavailable, or what XLA raises.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lowered = _lower(function, operands)
        options = {"xla_dump_to": str(folder), "xla_gpu_cuda_data_dir": str(_toolkit(folder))}
        start = time.perf_counter()
        compiled = lowered.compile(compiler_options=options)
        seconds = time.perf_counter() - start
        (sequence,) = folder.glob("*.thunk_sequence.txt")
        launched = thunks.read(sequence.read_text(), compiled.as_text())
        functions = _with_shared(_built(folder), launched)
    return Program((*functions, *_by_mosaic()), launched.count, seconds)


@cache
def device_mesh():
    """A mesh of the one H200 that h200.txtpb describes."""
    from jax.experimental import topologies

    description = Path(__file__).with_name("h200.txtpb").read_text()
    try:
        target = topologies.get_topology_desc(
            platform="cuda", target_config=description, topology="1x1x1"
        )
    except Exception as error:  # jaxlib has no one type for a plugin that is not there
        raise Unavailable(
            f"compiling for an H200 needs jax-cuda13-plugin and jax-cuda13-pjrt: {error}"
        ) from error
    return topologies.make_mesh(target, (1,), ("device",))


@cache
def ptxas() -> Path:
    """The assembler of the CUDA 13 packages. Raises Unavailable if it is not installed."""
    nvidia = find_spec("nvidia")
    for place in nvidia.submodule_search_locations if nvidia else ():
        if (path := Path(place) / "cu13/bin/ptxas").exists():
            return path
    raise Unavailable("compiling for an H200 needs the packages nvidia-cuda-nvcc and nvidia-nvvm")


def _lower(function: Callable, operands: Sequence[Any]):
    import jax

    mesh = device_mesh()
    where = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    avals = jax.tree.map(lambda operand: operand.update(sharding=where), operands)
    with jax.sharding.use_abstract_mesh(mesh.abstract_mesh), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Pallas's Triton backend
        return jax.jit(function).trace(*avals).lower(lowering_platforms=("cuda",))


def _toolkit(folder: Path) -> Path:
    """A CUDA folder for XLA, like the installed one but for ptxas."""
    real, own = ptxas().parent.parent, folder / "cuda"
    (own / "bin").mkdir(parents=True)
    (own / "nvvm").symlink_to(real / "nvvm")
    script = own / "bin/ptxas"
    script.write_text(PTXAS.format(ptxas=ptxas(), kept=folder))
    script.chmod(0o755)
    return own


def _built(folder: Path) -> dict[str, cubin.Usage]:
    """By name: XLA assembles some functions twice."""
    distinct = {path.read_bytes(): path for path in folder.glob("*.cubin")}
    return {usage.function: usage for usage in cubin.read(list(distinct.values()))}


def _with_shared(built: dict[str, cubin.Usage], launched: thunks.Launches) -> Iterator[cubin.Usage]:
    """Those that are launched: XLA also compiles candidates that it then drops."""
    for name, shared in launched.shared_bytes.items():
        if name in built:
            yield built[name].with_shared(shared)


def _by_mosaic() -> Iterator[cubin.Usage]:
    """What Mosaic GPU has dumped since the last call, assembled again for its instructions.

    Registers and spills are those that Mosaic's own assembler reports: another release of ptxas
    may allocate differently.
    """
    for path in sorted(Path(os.environ[MOSAIC_DUMP]).glob("*.ptx")):
        output = path.with_suffix(".cubin")
        subprocess.run([ptxas(), "-arch=sm_90a", path, "-o", output], check=True)
        log = path.with_suffix(".ptxas").read_text()
        resources = path.with_suffix(".resources.txt").read_text()
        (usage,) = cubin.read([output])
        yield replace(
            usage,
            registers=_number(r"Used (\d+) registers", log),
            spill_bytes=_number(r"(\d+) bytes stack frame", log),
            shared_bytes=_number(r"smem_scratch_bytes=(\d+)", resources),
        )
        path.unlink()


def _number(pattern: str, text: str) -> int:
    return int(re.search(pattern, text)[1])
