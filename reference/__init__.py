"""The mathematics of the Elman RNN, in the fewest lines: what every kernel is held against.

Axes: T time steps, B batch, I input size, H hidden size, O output size; time-major everywhere.
"""

from reference.elman import ACTIVATIONS as ACTIVATIONS
from reference.elman import RECURRENT_GAIN as RECURRENT_GAIN
from reference.elman import Params as Params
from reference.elman import cell as cell
from reference.elman import init as init
from reference.elman import rnn as rnn
