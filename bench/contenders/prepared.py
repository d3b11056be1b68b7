"""`native` on params that `kernels.prepare` has packed: what inference costs, call after call."""

from functools import partial

import kernels
from bench.cases.case import Case
from bench.cases.programs import Program, forward_pairs, functions, inputs_of, problem_of
from bench.contenders.peers.peer import Peer
from bench.contenders.subject import Subject, compiled
from kernels.native import KERNEL
from kernels.registry import why_not

NAME = "native"


def unsupported(case: Case) -> str | None:
    """It infers what the kernel can run."""
    if case.phase != "forward":
        return "prepared params are for inference"
    return why_not(NAME, problem_of(case))


def prepare(case: Case) -> Subject:
    """The model's forward pass, its params packed before it is timed."""
    inputs = inputs_of(case)
    model = kernels.prepare(inputs.params, cell=case.cell, kernel=NAME)
    arguments = model, *inputs.model[1:]
    return compiled(Program(functions(case, NAME).rnn, arguments, partial(forward_pairs, case)))


CONTENDER = Peer(KERNEL.unavailable, unsupported, prepare, versions=dict)
