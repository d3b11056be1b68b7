from .api import available as available
from .api import recurrence as recurrence
from .api import rnn as rnn
from .convert import from_flax as from_flax
from .convert import from_torch as from_torch
from .convert import to_flax as to_flax
from .convert import to_torch as to_torch
from .native import custom_calls as custom_calls
