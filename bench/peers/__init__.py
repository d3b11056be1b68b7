"""What a user would pick instead of our kernels: measured beside them, never shipped."""

from bench.peers import torch_rnn
from bench.peers.contract import Peer

PEERS: dict[str, Peer] = {"torch": torch_rnn.PEER}
