"""The names of everything that can be timed, for a command line that must know them at once."""

from kernels.names import KERNELS

# To add a peer: write its file and a line here, the place of its `peers.peer.Peer`.
PEERS = {
    "flax": "bench.contenders.peers.flax_nnx:PEER",
    "torch": "bench.contenders.peers.torch_rnn:PEER",
    "flashrnn": "bench.contenders.peers.flash_rnn:PEER",
    "jax-cudnn": "bench.contenders.peers.jax_cudnn:PEER",
    "onnxruntime": "bench.contenders.peers.onnx_runtime:PEER",
    "openvino": "bench.contenders.peers.openvino_cpu:PEER",
}
# A kernel of ours as inference has it, which is called and held as a peer is.
PREPARED = {"native-prepared": "bench.contenders.prepared:CONTENDER"}
NAMES = (*KERNELS, *PREPARED, *PEERS)
# Measured by default: all but a variant of the baseline, whose row is that of its best variant.
DEFAULT = tuple(name for name in NAMES if name != "unrolled")
