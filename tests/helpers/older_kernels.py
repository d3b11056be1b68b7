"""Kernels as they were before cells, in the fewest lines: arguments, names and the face of then."""

PACKAGE = """
import jax

ACTIVATIONS = {"relu": jax.nn.relu, "tanh": jax.numpy.tanh}


def recurrence(z, w_hh, h0, *, kernel, activation, precision):
    def step(h, z_t):
        h = ACTIVATIONS[activation](z_t + h @ w_hh)
        return h, h

    return jax.lax.scan(step, h0, z)[1]


def rnn(params, x, h0, **options):
    w_xh, w_hh, b_h, w_ho, b_o = params
    h = recurrence(x @ w_xh + b_h, w_hh, h0, **options)
    return h @ w_ho + b_o, h[-1]
"""
CONTRACT = """
from collections import namedtuple

Problem = namedtuple("Problem", "T B H dtype activation precision platform")


def current_platform():
    return "cpu"
"""
REGISTRY = """
class Kernel:
    def unavailable(self, platform):
        return None

    def unsupported(self, problem):
        return None if problem.T < 1000 else f"T {problem.T} is too long"

    def prepare(self):
        return None

    def emulated(self, platform):
        return None


KERNELS = {"scan": Kernel()}
"""
FACE = """
from functools import partial

import kernels

VERSION = 1


def names():
    return ("scan",)


def why_not(name, *, T, B, H, dtype, activation, precision):
    return None if T < 1000 else f"T {T} is too long"


def emulated(name):
    return None


def functions(name, **options):
    options["kernel"] = name
    both = {"recurrence": kernels.recurrence, "rnn": kernels.rnn}
    return {each: partial(function, **options) for each, function in both.items()}
"""


def older_kernels(folder, *, face):
    """The folder, with packages of that time; the earliest had no face."""
    files = {"__init__": PACKAGE, "contract": CONTRACT, "registry": REGISTRY}
    if face:
        files["face"] = FACE
    for name, text in files.items():
        path = folder / "kernels" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "reference").mkdir()
    (folder / "reference" / "__init__.py").touch()
    return folder
