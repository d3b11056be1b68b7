"""What holds of moving weights to and from either library."""

import sys

import jax
import numpy as np
import pytest
from helpers import converted

import kernels
import reference
from reference import CELLS

STRUCTURES = {
    "one": ((True, False),),
    "both": ((True, True),),
    "three": ((True, False),) * 3,
    "both twice": ((True, True),) * 2,
}


def params_of(cell):
    return reference.init(jax.random.key(3), 5, 7, 3, cell=cell)


def equal(one, other):
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), one) == jax.tree.map(
        lambda leaf: (leaf.shape, leaf.dtype), other
    )
    jax.tree.map(np.testing.assert_array_equal, one, other)


@pytest.fixture(params=["torch", "flax"])
def library(request):
    """Each that is installed here."""
    pytest.importorskip(request.param)
    return request.param


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("structure", STRUCTURES.values(), ids=STRUCTURES.keys())
@pytest.mark.parametrize("cell", CELLS)
def test_there_and_back_is_the_same(library, dtype, structure, cell):
    params = converted.model(cell, structure, dtype)
    there, back = getattr(kernels, f"to_{library}"), getattr(kernels, f"from_{library}")
    equal(back(*there(params, cell=cell)), params)
    without = params._replace(readout=None)
    rnn, linear = there(without, cell=cell)
    assert linear is None
    equal(back(rnn), without)


@pytest.mark.parametrize("structure", [((False, True),), ((False, True), (True, True))])
def test_flax_takes_layers_in_reverse_there_and_back(structure):
    pytest.importorskip("flax")
    params = converted.model("gru", structure, "float32")
    equal(kernels.from_flax(*kernels.to_flax(params, cell="gru")), params)


def test_bad_arguments_are_one_sentence(library):
    there = getattr(kernels, f"to_{library}")
    with pytest.raises(ValueError, match="cell is 'gelu'; expected one of 'relu', 'tanh'"):
        there(params_of("relu"), cell="gelu")
    with pytest.raises(ValueError, match=r"w_h has shape \(7, 21\); .*of cell 'lstm'"):
        there(params_of("gru"), cell="lstm")


@pytest.mark.parametrize("missing", ["torch", "flax"])
def test_a_missing_library_is_named(missing, monkeypatch):
    for module in (missing, f"{missing}.nnx"):
        monkeypatch.setitem(sys.modules, module, None)
    for direction in ("to", "from"):
        with pytest.raises(ImportError, match=f"needs {missing}: .* pip install {missing}$"):
            getattr(kernels, f"{direction}_{missing}")(params_of("relu"))


def test_a_bias_of_one_row_is_a_bias(library):
    params = params_of("gru")
    weights, readout = params.layers[0].forward, params.readout
    row = weights._replace(b=weights.b[None]), readout._replace(b=readout.b[None])
    there, back = getattr(kernels, f"to_{library}"), getattr(kernels, f"from_{library}")
    equal(back(*there(reference.single(*row), cell="gru")), params)
