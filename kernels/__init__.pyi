from .convert import from_flax as from_flax
from .convert import from_torch as from_torch
from .convert import to_flax as to_flax
from .convert import to_torch as to_torch
from .layer import available as available
from .layer import recurrence as recurrence
from .layer import rnn as rnn
from .native import custom_calls as custom_calls
