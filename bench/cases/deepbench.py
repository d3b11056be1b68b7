"""The recurrent networks of Baidu's DeepBench (github.com/baidu-research/DeepBench).

Of code/kernels/rnn_problems.h, commit da81ba7: `training_set` and `inference_device_set`, whose
lines are named below. cuDNN runs them there without a product for the input (CUDNN_SKIP_INPUT in
code/nvidia/rnn_bench.cu), so what it times is the recurrence scope here.
"""

from bench.cases.workloads import Workload

SHORT_FLOPS = 2e10  # forward: a tenth of a second on two cores, or two


def _training(H: int, B: int, T: int) -> Workload:
    return Workload(f"deepbench-H{H}-B{B}-T{T}", T=T, B=B, I=H, H=H, O=0)


def _device(H: int, T: int) -> Workload:
    return Workload(f"deepbench-device-H{H}", T=T, B=1, I=H, H=H, O=0)


VANILLA = (  # lines 134, 135 and 3 to 14
    _device(H=32, T=672),
    _device(H=64, T=96),
    *(
        Workload(f"deepbench-H{H}-B{B}", T=50, B=B, I=H, H=H, O=0)
        for H in (1760, 2048, 2560)
        for B in (16, 32, 64, 128)
    ),
)
LSTM = (  # lines 136 and 15 to 36
    _device(H=256, T=150),
    *(_training(H, B, T=25) for H in (512, 1024, 2048, 4096) for B in (16, 32, 64, 128)),
    *(_training(1536, B, T=50) for B in (8, 16, 32)),
    *(_training(256, B, T=150) for B in (16, 32, 64)),
)
GRU = (  # lines 37 to 55
    *(_training(H, B=32, T=T) for H in (2816, 2048, 1536, 2560) for T in (1500, 750, 375, 187)),
    _training(512, B=32, T=1),
    *(_training(1024, B, T=1500) for B in (32, 64)),
)


def _short(shapes: tuple[Workload, ...], gates: int) -> tuple[Workload, ...]:
    """Of each network the smallest batch, if its recurrent products are no more than that."""
    smallest = {w.H: min(each.B for each in shapes if each.H == w.H) for w in shapes}
    return tuple(
        w for w in shapes if smallest[w.H] == w.B and 2 * w.T * w.B * gates * w.H**2 <= SHORT_FLOPS
    )


VANILLA_SHORT, LSTM_SHORT, GRU_SHORT = _short(VANILLA, 1), _short(LSTM, 4), _short(GRU, 3)
