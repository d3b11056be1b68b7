"""The mathematics of the Elman RNN, in the fewest lines: what every kernel is held against.

Axes: T time steps, B batch, I input size, H hidden size, O output size; time-major everywhere.
"""

from reference.cells.elman import ACTIVATIONS as ACTIVATIONS
from reference.rnn import RECURRENT_GAIN as RECURRENT_GAIN
from reference.rnn import Params as Params
from reference.rnn import init as init
from reference.rnn import rnn as rnn
from reference.rnn import step as step
