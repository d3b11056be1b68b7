"""What a user would pick instead of our kernels: measured beside them, never shipped."""

from bench.peers import flash_rnn, flax_nnx, onnx_runtime, torch_rnn
from bench.peers.contract import Peer

PEERS: dict[str, Peer] = {
    "flax": flax_nnx.PEER,
    "torch": torch_rnn.PEER,
    "flashrnn": flash_rnn.PEER,
    "onnxruntime": onnx_runtime.PEER,
}
