"""What tests of the gate compare: kernels on a tiny problem, and invented rows."""

from bench.cases.case import Case
from bench.cases.workloads import Workload
from bench.gate.looks import Row
from bench.gate.rounds import Times
from bench.judging.verdicts import Interval, Verdict
from bench.workers.messages import Item

TINY = Workload("tiny", T=3, B=2, I=3, H=4, O=2)
SHAPE = ("--shape", "T=3,B=2,I=3,H=4,O=2")
EQUAL = Times(1.0, 1.0)
DECIDED = Interval(0.0, 0.0, 0.0)


def tiny(kernel: str, phase: str = "forward") -> Item:
    """A kernel on the tiny problem."""
    return Item(Case(TINY, "model", phase, "float32", "relu", kernel))


SCAN, UNROLLED, TRAIN = tiny("scan"), tiny("unrolled"), tiny("unrolled", "train")


def ended(outcome: str, extra: float = 0.0) -> Row:
    """The row of a comparison with this outcome, of a head with extra work planted."""
    if outcome in set(Verdict):
        return Row(Item(SCAN.case, extra), 0.05, Verdict(outcome), interval=DECIDED)
    return Row(Item(SCAN.case, extra), 0.05, outcome, "head: somehow")
