"""Recurrent nodes and models of ONNX (https://onnx.ai/onnx/operators), as ONNX Runtime has them."""

from kernels.convert.onnx.model import from_onnx as from_onnx
from kernels.convert.onnx.node import onnx_node as onnx_node
