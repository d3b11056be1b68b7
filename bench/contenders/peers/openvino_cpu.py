"""OpenVINO's CPU plugin on the model of `onnx_model`, compiled for the lowest time of one call.

It makes an RNNSequence, GRUSequence or LSTMSequence of it. A request is prepared, and reuses the
memory of its inputs and outputs.
"""

import importlib
import sys
from functools import partial
from importlib.metadata import version
from time import perf_counter
from types import ModuleType
from typing import Any

from bench.cases.case import Case
from bench.cases.programs import inputs_of
from bench.contenders.peers import onnx_model, peer
from bench.contenders.peers.peer import Peer, Runnable
from bench.contenders.subject import Subject
from bench.timing import processor

unavailable = partial(onnx_model.unavailable, package="openvino")


def unsupported(case: Case) -> str | None:
    """It infers; the model is one of float32."""
    if case.phase != "forward":
        return "OpenVINO does not train"
    return None if case.dtype == "float32" else "its model is made in float32 only"


def prepare(case: Case) -> Subject:
    """In this process."""
    return peer.subject(case, build(case))


def build(case: Case) -> Runnable:
    """The case in a request with its inputs set."""
    openvino = _library()
    inputs = inputs_of(case)
    start = perf_counter()
    core = openvino.Core()
    network = core.read_model(onnx_model.model(case, inputs))
    request = core.compile_model(network, "CPU", _options()).create_infer_request()
    compile_s = perf_counter() - start
    for name, value in onnx_model.arguments(case, inputs).items():
        request.set_tensor(name, openvino.Tensor(value))

    def call():
        request.infer()
        return request

    def outputs(results):
        tensors = map(results.get_tensor, onnx_model.names(case))
        return onnx_model.outputs(case, [tensor.data for tensor in tensors])

    return Runnable(call, outputs, compile_s)


def _library() -> ModuleType:
    """OpenVINO without its telemetry, which forks this process and asks the network meanwhile."""
    sys.modules.setdefault("openvino_telemetry", None)
    return importlib.import_module("openvino")


def _options() -> dict[str, Any]:
    """float32 is float32: where a processor has bfloat16, OpenVINO would use that."""
    return {
        "INFERENCE_NUM_THREADS": processor.threads(),
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
    }


def versions() -> dict[str, str]:
    """OpenVINO's, and its number of threads."""
    return {"openvino": version("openvino"), "openvino threads": str(processor.threads())}


PEER = Peer(unavailable, unsupported, prepare, versions, has_threads=True)
