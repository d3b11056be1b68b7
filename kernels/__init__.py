"""The recurrence of an Elman RNN, several times over, behind one differentiable function."""

from kernels.convert import from_flax as from_flax
from kernels.convert import from_torch as from_torch
from kernels.convert import to_flax as to_flax
from kernels.convert import to_torch as to_torch
from kernels.layer import available as available
from kernels.layer import recurrence as recurrence
from kernels.layer import rnn as rnn
from kernels.native.library import custom_calls as custom_calls
