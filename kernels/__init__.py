"""The recurrence of an Elman RNN, several times over, behind one differentiable function."""

from kernels.layer import available as available
from kernels.layer import recurrence as recurrence
from kernels.layer import rnn as rnn
