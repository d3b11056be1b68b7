"""Weights to and from the RNN layers of PyTorch and Flax, each imported when it is first needed.

Which cell it is no weight says, so it is yours to pass on: `kernels.rnn(params, x, cell="tanh")`
for an Elman layer made with the default of either library, where ours is relu, `cell="lstm"` for an
LSTM. Each function raises ImportError, which names what to install, where its library is missing.
"""

from kernels.convert.flax import from_flax as from_flax
from kernels.convert.flax import to_flax as to_flax
from kernels.convert.onnx import from_onnx as from_onnx
from kernels.convert.onnx import onnx_node as onnx_node
from kernels.convert.torch import array as array
from kernels.convert.torch import from_torch as from_torch
from kernels.convert.torch import tensor as tensor
from kernels.convert.torch import to_torch as to_torch
