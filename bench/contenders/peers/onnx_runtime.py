"""ONNX Runtime's CPU provider on the operators RNN, MatMul and Add, in a prepared session.

Weights are constants of the model, which the runtime packs once; inputs and outputs are bound to
memory that is reused.
"""

from importlib.metadata import version
from importlib.util import find_spec
from time import perf_counter
from typing import Any

import numpy as np

from bench.cases.case import Case
from bench.cases.inputs import Inputs, make_inputs
from bench.contenders.peers import peer
from bench.contenders.peers.peer import Outputs, Peer, Runnable
from bench.contenders.subject import Subject
from bench.timing import processor

# The first that squeezes along axes given as an input, and the format's version of those days.
OPSET, IR_VERSION = 14, 7
ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh"}


def unavailable(platform: str) -> str | None:
    """Needs the runtime, and `onnx` to write the model with."""
    if platform != "cpu":
        return "measured on CPU only"
    missing = [name for name in ("onnxruntime", "onnx") if find_spec(name) is None]
    return f"{missing[0]} is not installed" if missing else None


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

    inputs = make_inputs(case.workload, case.dtype)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = processor.threads(), 1
    start = perf_counter()
    session = onnxruntime.InferenceSession(
        model(case, inputs), options, providers=["CPUExecutionProvider"]
    )
    compile_s = perf_counter() - start
    binding = session.io_binding()
    for name, value in {"x": inputs.x, "h0": np.asarray(inputs.h0)[None]}.items():
        binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(np.array(value)))
    for output in session.get_outputs():
        empty = onnxruntime.OrtValue.ortvalue_from_shape_and_type(output.shape, np.float32)
        binding.bind_ortvalue_output(output.name, empty)

    def call():
        session.run_with_iobinding(binding)
        return binding.get_outputs()

    def outputs(results):
        y, h_last = (result.numpy() for result in results)
        return Outputs(y.copy(), h_last[0].copy())

    return Runnable(call, outputs, compile_s)


def model(case: Case, inputs: Inputs) -> bytes:
    """The layer as an ONNX file: x (T, B, I), h0 (1, B, H) in; y (T, B, O), h_last (1, B, H) out.

    RNN keeps an axis of directions, and its weights and its two biases in rows: our b_h is the
    first, the other is zero (https://onnx.ai/onnx/operators/onnx__RNN.html).
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    w, p = case.workload, inputs.params
    constants = {
        "w": np.asarray(p.w_xh).T[None],
        "r": np.asarray(p.w_hh).T[None],
        "b": np.concatenate([p.b_h, np.zeros_like(p.b_h)])[None],
        "directions": np.array([1]),
        "w_ho": np.asarray(p.w_ho),
        "b_o": np.asarray(p.b_o),
    }
    options = {"hidden_size": w.H, "activations": [ACTIVATIONS[case.activation]]}
    nodes = [
        helper.make_node("RNN", ["x", "w", "r", "b", "", "h0"], ["h_all", "h_last"], **options),
        helper.make_node("Squeeze", ["h_all", "directions"], ["h"]),
        helper.make_node("MatMul", ["h", "w_ho"], ["y_unbiased"]),
        helper.make_node("Add", ["y_unbiased", "b_o"], ["y"]),
    ]

    def declared(name: str, *shape: int) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes,
        "elman",
        inputs=[declared("x", w.T, w.B, w.I), declared("h0", 1, w.B, w.H)],
        outputs=[declared("y", w.T, w.B, w.O), declared("h_last", 1, w.B, w.H)],
        initializer=[
            numpy_helper.from_array(np.ascontiguousarray(value), name)
            for name, value in constants.items()
        ],
    )
    proto = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    checker.check_model(proto)
    return proto.SerializeToString()


def versions() -> dict[str, str]:
    """The runtime's, and its number of threads."""
    return {
        "onnxruntime": version("onnxruntime"),
        "onnxruntime threads": str(processor.threads()),
    }


PEER = Peer(unavailable, unsupported, prepare, versions, has_threads=True)
