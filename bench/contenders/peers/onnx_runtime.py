"""ONNX Runtime's CPU provider on the model of `onnx_model`, in a prepared session.

Inputs and outputs are bound to memory that is reused.
"""

from functools import partial
from importlib.metadata import version
from time import perf_counter

import numpy as np

from bench.cases.case import Case
from bench.cases.programs import inputs_of
from bench.contenders.peers import onnx_model, peer
from bench.contenders.peers.peer import Peer, Runnable
from bench.contenders.subject import Subject
from bench.timing import processor

unavailable = partial(onnx_model.unavailable, package="onnxruntime")


def unsupported(case: Case) -> str | None:
    """The runtime infers, in float32."""
    if case.phase != "forward":
        return "ONNX Runtime does not train"
    return None if case.dtype == "float32" else "its CPU provider has the operator in float32 only"


def prepare(case: Case) -> Subject:
    """In a session of this process."""
    return peer.subject(case, build(case))


def build(case: Case) -> Runnable:
    """The case in a session with its arrays bound."""
    import onnxruntime

    inputs = inputs_of(case)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = processor.threads(), 1
    start = perf_counter()
    session = onnxruntime.InferenceSession(
        onnx_model.model(case, inputs), options, providers=["CPUExecutionProvider"]
    )
    compile_s = perf_counter() - start
    binding = session.io_binding()
    for name, value in onnx_model.arguments(case, inputs).items():
        binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(value))
    for output in session.get_outputs():
        empty = onnxruntime.OrtValue.ortvalue_from_shape_and_type(output.shape, np.float32)
        binding.bind_ortvalue_output(output.name, empty)

    def call():
        session.run_with_iobinding(binding)
        return binding.get_outputs()

    def outputs(results):
        return onnx_model.outputs(case, [result.numpy() for result in results])

    return Runnable(call, outputs, compile_s)


def versions() -> dict[str, str]:
    """The runtime's, and its number of threads."""
    return {
        "onnxruntime": version("onnxruntime"),
        "onnxruntime threads": str(processor.threads()),
    }


PEER = Peer(unavailable, unsupported, prepare, versions, has_threads=True)
