"""Named shapes, shared by the benchmark and the tests. To add one, add it to a suite."""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from bench.cases.fields import Name, Size

LARGEST_AXIS = 10_000_000
LARGEST_ARRAY = 2**31 - 1  # elements: kernels and compilers count them in 32 bits
Axis = Annotated[Size, Field(ge=1)]


@dataclass(frozen=True)
class Workload:
    """One shape: T time steps, B batch, I input, H hidden, O output size (0: no output layer)."""

    name: Name
    T: Axis
    B: Axis
    I: Axis  # noqa: E741 - the notation of the whole project
    H: Axis
    O: Size  # noqa: E741


def parse(text: str) -> Workload:
    """Read a shape such as "T=200,B=32,I=64,H=384,O=10", sizes in any order.

    Raises ValueError saying what is wrong with the text.
    """
    pattern = r"\s*([TBIHO])\s*=\s*([0-9]{1,20})\s*"
    pairs = [re.fullmatch(pattern, part) for part in text.split(",")]
    if not all(pairs) or sorted(pair[1] for pair in pairs) != sorted("TBIHO"):
        raise ValueError(
            f"shape is {text!r}; expected five sizes such as T=200,B=32,I=64,H=384,O=10"
        )
    sizes = {pair[1]: int(pair[2]) for pair in pairs}
    for axis in "TBIH":
        if not sizes[axis]:
            raise ValueError(f"shape is {text!r}; expected {axis} to be at least 1")
    _refuse_giants(text, sizes)
    return Workload("-".join(f"{axis}{sizes[axis]}" for axis in "TBIHO"), **sizes)


def _refuse_giants(text: str, sizes: dict[str, int]) -> None:
    for axis, size in sizes.items():
        if size > LARGEST_AXIS:
            raise ValueError(f"shape is {text!r}; expected {axis} to be at most {LARGEST_AXIS:,}")
    widest = max(sizes["I"], sizes["H"], sizes["O"])
    for product, rows in (("T x B", sizes["T"] * sizes["B"]), ("H", sizes["H"])):
        if rows * widest > LARGEST_ARRAY:
            raise ValueError(
                f"shape is {text!r}; expected {product} x {widest} to be at most "
                f"{LARGEST_ARRAY:,}, as many elements as an array may have"
            )


def mission(T: int) -> Workload:
    """The shape of the project's task, over T steps."""
    return Workload(f"mission-T{T}", T, B=50, I=128, H=256, O=128)


def _scaled(T: int = 100, B: int = 50, H: int = 256) -> Workload:
    return Workload(f"scaling-T{T}-B{B}-H{H}", T, B, I=128, H=H, O=128)


# The vanilla RNNs of Baidu's DeepBench (github.com/baidu-research/DeepBench,
# code/kernels/rnn_problems.h, commit da81ba7): `training_set` and `inference_device_set`. cuDNN
# runs them there without a product for the input (CUDNN_SKIP_INPUT in code/nvidia/rnn_bench.cu), so
# what it times is the recurrence scope here.
DEEPBENCH_TRAINING = tuple(
    Workload(f"deepbench-H{H}-B{B}", T=50, B=B, I=H, H=H, O=0)
    for H in (1760, 2048, 2560)
    for B in (16, 32, 64, 128)
)
DEEPBENCH_DEVICE = tuple(
    Workload(f"deepbench-device-H{H}", T=T, B=1, I=H, H=H, O=0) for T, H in ((672, 32), (96, 64))
)

# The head sizes of FlashRNN's head dimension experiment (Pöppel et al., arXiv:2412.07752;
# github.com/NX-AI/flashrnn, flashrnn/speed_experiments/kernel_speed_benchmark.py, commit d73fb52),
# which has as many heads as make 768 units; here it is one. Its input comes projected: see the
# recurrence scope. Its Elman network is one of tanh: `--activation tanh`.
FLASHRNN = tuple(
    Workload(f"flashrnn-H{H}", T=1024, B=16, I=H, H=H, O=0) for H in (16, 32, 64, 128, 256, 768)
)

SUITES: dict[str, tuple[Workload, ...]] = {
    "smoke": (Workload("tiny", T=8, B=4, I=8, H=32, O=8), mission(10)),
    "gate": (mission(50),),  # calls of milliseconds, so that a round has many
    "default": (
        *(mission(T) for T in (1, 50, 100, 500)),
        Workload("single", T=256, B=1, I=128, H=256, O=128),
        Workload("wide", T=64, B=16, I=512, H=1024, O=512),
    ),
    "scaling": tuple(
        dict.fromkeys(
            (
                *(_scaled(T=T) for T in (1, 10, 100, 1000)),
                *(_scaled(B=B) for B in (1, 8, 50, 256)),
                *(_scaled(H=H) for H in (64, 128, 256, 512, 1024)),
            )
        )
    ),
    "deepbench": (*DEEPBENCH_DEVICE, *DEEPBENCH_TRAINING),
    # What fits ten minutes on two cores: its smallest batch alone.
    "deepbench-short": (*DEEPBENCH_DEVICE, *(w for w in DEEPBENCH_TRAINING if w.B == 16)),
    "flashrnn": FLASHRNN,
}
