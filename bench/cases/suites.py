"""Named sets of shapes, and the cells that each measures. To add a shape, add it to a suite."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from bench.cases import deepbench
from bench.cases.case import CELLS
from bench.cases.dtypes import Dtype
from bench.cases.workloads import Lengths, Workload, mission, with_lengths

Shapes = tuple[Workload, ...]
CELL = "relu"  # measured where none is named: the mission's
DTYPES: Mapping[str, tuple[Dtype, ...]] = {"cpu": ("float32",), "gpu": ("bfloat16", "float32")}
DTYPES_BESIDE: tuple[Dtype, ...] = ("float32",)


class Problem(NamedTuple):
    """What a suite has several of."""

    workload: Workload
    dtype: Dtype
    cell: str


@dataclass(frozen=True)
class Suite:
    """Shapes. `own` are those of cells that have others.

    `beside` is what is measured of further cells where none is named: fewer shapes in fewer dtypes.
    """

    shapes: Shapes
    own: Mapping[str, Shapes] = field(default_factory=dict)
    beside: Mapping[str, Shapes] = field(default_factory=dict)

    def problems(
        self, backend: str, dtypes: Sequence[Dtype] | None, cells: Collection[str] | None
    ) -> tuple[Problem, ...]:
        """Every one, cell by cell. None: what is measured by default on such a backend."""
        asked = dtypes or DTYPES[backend]
        every = [
            problem
            for cell in _in_order(cells or (CELL,))
            for problem in _combined(self.own.get(cell, self.shapes), asked, cell)
        ]
        if not cells:
            for cell, shapes in self.beside.items():
                every += _combined(shapes, dtypes or DTYPES_BESIDE, cell)
        return tuple(every)

    def with_lengths(self, lengths: Lengths) -> "Suite":
        """The same with sequences of other lengths, each shape once."""

        def changed(shapes: Shapes) -> Shapes:
            return tuple(dict.fromkeys(with_lengths(shape, lengths) for shape in shapes))

        own, beside = (
            {cell: changed(shapes) for cell, shapes in each.items()}
            for each in (self.own, self.beside)
        )
        return Suite(changed(self.shapes), own, beside)

    def label(self, cells: Collection[str] | None) -> tuple[str, ...]:
        """The cells, where they or their shapes are not those that it has by default."""
        usual = not cells or (set(cells) == {CELL} and not self.beside)
        return () if usual else tuple(_in_order(cells))


def _in_order(cells: Collection[str]) -> Iterable[str]:
    return (cell for cell in CELLS if cell in cells)


def _combined(shapes: Shapes, dtypes: Sequence[Dtype], cell: str) -> Iterable[Problem]:
    return (Problem(workload, dtype, cell) for workload in shapes for dtype in dtypes)


def _scaled(T: int = 100, B: int = 50, H: int = 256) -> Workload:
    return Workload(f"scaling-T{T}-B{B}-H{H}", T, B, I=128, H=H, O=128)


GATED = (mission(1), mission(100))  # of the default suite, which would take too long with all

# The head sizes of FlashRNN's head dimension experiment (Pöppel et al., arXiv:2412.07752;
# github.com/NX-AI/flashrnn, flashrnn/speed_experiments/kernel_speed_benchmark.py, commit d73fb52),
# which has as many heads as make 768 units; here it is one. Its input comes projected: see the
# recurrence scope. Its Elman network is one of tanh: `--cell tanh`; it has `--cell lstm` as well.
FLASHRNN = tuple(
    Workload(f"flashrnn-H{H}", T=1024, B=16, I=H, H=H, O=0) for H in (16, 32, 64, 128, 256, 768)
)

# Sequences as they come. Half of a uniform batch is padding: beside it the same batch without.
FULL_AND_UNIFORM = (mission(100), with_lengths(mission(100), "uniform"))
_TAGGER = Workload("bidirectional-T100", T=100, B=32, I=128, H=256, O=10, bidirectional=True)
_STACK = replace(_TAGGER, name="stack-T100", layers=2)
GATED_SEQUENCES = {
    "gru": (*FULL_AND_UNIFORM, with_lengths(_TAGGER, "uniform")),
    "lstm": (*FULL_AND_UNIFORM, _STACK, with_lengths(_STACK, "uniform")),
}

# Inference of a step and of small batches: for the smallest there is hardly any arithmetic.
SERVING = (
    Workload("step-tiny", T=1, B=1, I=8, H=32, O=8),
    *(Workload(f"step-B{B}", T=1, B=B, I=128, H=256, O=128) for B in (1, 4, 16)),
    mission(1),
    *(Workload(f"step-B{B}-H1024", T=1, B=B, I=512, H=1024, O=512) for B in (1, 16)),
    Workload("single", T=256, B=1, I=128, H=256, O=128),
    Workload("few", T=50, B=4, I=128, H=256, O=128),
)

SUITES: dict[str, Suite] = {
    "smoke": Suite((Workload("tiny", T=8, B=4, I=8, H=32, O=8), mission(10))),
    "gate": Suite((mission(50),)),  # calls of milliseconds, so that a round has many
    "default": Suite(
        (
            *(mission(T) for T in (1, 50, 100, 500)),
            Workload("single", T=256, B=1, I=128, H=256, O=128),
            Workload("wide", T=64, B=16, I=512, H=1024, O=512),
        ),
        beside={"gru": GATED, "lstm": GATED},
    ),
    "scaling": Suite(
        tuple(
            dict.fromkeys(
                (
                    *(_scaled(T=T) for T in (1, 10, 100, 1000)),
                    *(_scaled(B=B) for B in (1, 8, 50, 256)),
                    *(_scaled(H=H) for H in (64, 128, 256, 512, 1024)),
                )
            )
        )
    ),
    "deepbench": Suite(deepbench.VANILLA, own={"gru": deepbench.GRU, "lstm": deepbench.LSTM}),
    # What two cores measure in some ten minutes.
    "deepbench-short": Suite(
        deepbench.VANILLA_SHORT,
        own={"gru": deepbench.GRU_SHORT, "lstm": deepbench.LSTM_SHORT},
    ),
    "flashrnn": Suite(FLASHRNN),
    "serving": Suite(SERVING, beside={"gru": SERVING[1:5], "lstm": SERVING[1:5]}),
    "sequences": Suite(FULL_AND_UNIFORM, own=GATED_SEQUENCES, beside=GATED_SEQUENCES),
}
