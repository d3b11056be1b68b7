"""Kernels from before cells, held against the oracle through the face of that time."""

from types import SimpleNamespace

import pytest
from helpers.older_kernels import PACKAGE

from bench.cases.case import PASSES, SCOPES, Case
from bench.cases.programs import Functions, program
from bench.cases.tolerance import tolerance
from bench.cases.workloads import Workload
from bench.contenders.subject import compiled
from bench.workers.first_face import FirstFace

SHAPE = Workload("any", T=5, B=3, I=2, H=7, O=4)


@pytest.fixture
def old():
    """A face of version 1."""
    package = {}
    exec(PACKAGE, package)

    def functions(name, **options):
        return {
            function: lambda *arguments, f=package[function]: f(*arguments, kernel=name, **options)
            for function in ("recurrence", "rnn")
        }

    def why_not(name, **problem):
        return f"{name}: {problem}"

    return SimpleNamespace(
        names=lambda: ("scan",), emulated=lambda name: "", why_not=why_not, functions=functions
    )


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("phase", PASSES)
def test_arguments_results_and_gradients_are_in_their_places(old, scope, phase):
    case = Case(SHAPE, scope, phase, "float32", "tanh", "scan")
    functions = FirstFace(old).functions("scan", cell="tanh", precision="full")
    subject = compiled(program(case, Functions(**functions)))
    assert subject.error(subject.call()) <= tolerance(SHAPE, "float32", "tanh", phase)


def test_a_cell_of_later_is_refused_in_words(old):
    face = FirstFace(old)
    assert face.why_not("scan", cell="gru", T=3) == "there is no cell 'gru' yet"
    assert face.why_not("scan", cell="relu", T=3) == "scan: {'activation': 'relu', 'T': 3}"
