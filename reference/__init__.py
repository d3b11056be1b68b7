"""The mathematics of recurrent networks, in the fewest lines: what kernels are held against.

Axes: T time steps, B batch, I input size, H hidden size, O output size; time-major everywhere.
What it offers is listed in `__init__.pyi` and loaded when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
