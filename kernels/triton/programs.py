"""The two Triton programs: the whole time loop in one launch, everything transposed.

A step is state^T = act(pre_t^T + W_h^T state^T): W_h is the tall left operand, so hidden units
fill the 64 rows of a wgmma however small the batch tile is, and pre_t is where it starts to sum.

W_h stays in registers for all T, which halves the shared memory a step reads; Triton does that
only under two conditions that look like accidents here, and tests hold it to them. The operand
must not come straight from a load (`_weights` ends in a `where`), and must have a user outside
the loop (the first step is peeled off), or else it is fetched again in every step.

`no_type_check` keeps the tests' run-time type checks out of code that Triton compiles.
"""

from typing import no_type_check

import triton
import triton.language as tl


@triton.jit
@no_type_check
def forward(
    pre, w_h, initial, T, B, h,
    H: tl.constexpr, ROWS: tl.constexpr, TILE: tl.constexpr, CELL: tl.constexpr,
):  # fmt: skip
    """h_t = act(pre_t + h_{t-1} W_h), for a tile of the batch: pre, h (T, B, H), initial (B, H)."""
    unit, at, inside = _tile(B, H, ROWS, TILE)
    w = _weights(w_h, 1, H, H, ROWS)
    state = tl.load(initial + at, mask=inside, other=0.0)
    pre_t = tl.load(pre + at, mask=inside, other=0.0)
    pre += _to_next(0, T, B * H)
    ahead = tl.load(pre + at, mask=inside, other=0.0)
    state = _next_state(w, state, pre_t, unit, H, CELL)
    tl.store(h + at, state, mask=inside)
    for t in range(1, T):
        pre_t = ahead
        pre += _to_next(t, T, B * H)
        h += B * H
        ahead = tl.load(pre + at, mask=inside, other=0.0)
        state = _next_state(w, state, pre_t, unit, H, CELL)
        tl.store(h + at, state, mask=inside)


@triton.jit
@no_type_check
def backward(
    dh, h, w_h, T, B, dpre,
    H: tl.constexpr, ROWS: tl.constexpr, TILE: tl.constexpr, CELL: tl.constexpr,
):  # fmt: skip
    """dpre_t = (dh_t + dpre_{t+1} W_h^T) * act'(h_t) for one tile of the batch, last step first."""
    unit, at, inside = _tile(B, H, ROWS, TILE)
    w = _weights(w_h, H, 1, H, ROWS)
    last = tl.full((), T - 1, tl.int64) * B * H
    dh += last
    h += last
    dpre += last
    state = tl.zeros((ROWS, TILE), dh.dtype.element_ty)
    dh_t = tl.load(dh + at, mask=inside, other=0.0)
    h_t = tl.load(h + at, mask=inside, other=0.0)
    dh -= _to_next(0, T, B * H)
    h -= _to_next(0, T, B * H)
    dh_ahead = tl.load(dh + at, mask=inside, other=0.0)
    h_ahead = tl.load(h + at, mask=inside, other=0.0)
    state = _next_slope(w, state, dh_t, h_t, unit, H, CELL)
    tl.store(dpre + at, state, mask=inside)
    for t in range(1, T):
        dh_t = dh_ahead
        h_t = h_ahead
        dh -= _to_next(t, T, B * H)
        h -= _to_next(t, T, B * H)
        dpre -= B * H
        dh_ahead = tl.load(dh + at, mask=inside, other=0.0)
        h_ahead = tl.load(h + at, mask=inside, other=0.0)
        state = _next_slope(w, state, dh_t, h_t, unit, H, CELL)
        tl.store(dpre + at, state, mask=inside)


@triton.jit
@no_type_check
def _to_next(t, T, step):
    """How far the loads of step t + 1 are ahead: 0 at the end, where what they bring is unused."""
    return tl.where(t + 1 < T, step, 0)


@triton.jit
@no_type_check
def _tile(B, H: tl.constexpr, ROWS: tl.constexpr, TILE: tl.constexpr):
    """This program's hidden units (ROWS, 1), element offsets and which exist, (ROWS, TILE)."""
    unit = tl.arange(0, ROWS)[:, None]
    row = (tl.program_id(0) * TILE + tl.arange(0, TILE))[None, :]
    return unit, row * H + unit, (unit < H) & (row < B)


@triton.jit
@no_type_check
def _weights(w_h, down, across, H: tl.constexpr, ROWS: tl.constexpr):
    """W_h^T (`down` 1, `across` H) or W_h (`down` H, `across` 1), zero-padded to (ROWS, ROWS)."""
    i = tl.arange(0, ROWS)[:, None]
    j = tl.arange(0, ROWS)[None, :]
    inside = (i < H) & (j < H)
    return tl.where(inside, tl.load(w_h + i * down + j * across, mask=inside), 0.0)


@triton.jit
@no_type_check
def _next_state(w, state, pre_t, unit, H: tl.constexpr, CELL: tl.constexpr):
    total = tl.dot(w, state, pre_t.to(tl.float32), input_precision="tf32")
    if CELL == "relu":
        new = tl.maximum(total, 0.0, propagate_nan=tl.PropagateNan.ALL)
    else:
        new = _tanh(total, state.dtype)
    return _existing(new, unit, H).to(state.dtype)


@triton.jit
@no_type_check
def _next_slope(w, state, dh_t, h_t, unit, H: tl.constexpr, CELL: tl.constexpr):
    upstream = tl.dot(w, state, dh_t.to(tl.float32), input_precision="tf32")
    if CELL == "relu":
        new = tl.where(h_t > 0, upstream, 0.0)
    else:
        h_t = h_t.to(tl.float32)
        new = upstream * (1.0 - h_t * h_t)
    return _existing(new, unit, H).to(state.dtype)


@triton.jit
@no_type_check
def _existing(state, unit, H: tl.constexpr):
    """Zero in the padding: Inf times a zero of padded W_h is NaN, and would spread from there."""
    if state.shape[0] > H:
        state = tl.where(unit < H, state, 0.0)
    return state


@triton.jit
@no_type_check
def _tanh(x, storage: tl.constexpr):
    """tanh in float32, to be rounded to `storage`.

    The hardware's own is off by 2^-11 of the value, a quarter of what rounding to bfloat16 may
    add; for the finer dtypes a series near 0 and exponentials elsewhere stay within a few ulp.
    """
    if storage == tl.bfloat16:
        return tl.inline_asm_elementwise(
            "tanh.approx.f32 $0, $1;", "=f,f", [x], dtype=tl.float32, is_pure=True, pack=1
        )
    square = x * x
    series = -17 / 315 + square * (62 / 2835)
    series = -1 / 3 + square * (2 / 15 + square * series)
    decay = tl.exp(-2.0 * tl.abs(x))
    far = (1.0 - decay) / (1.0 + decay)
    far = tl.where(x < 0, -far, far)
    return tl.where(square < 0.0625, x + x * square * series, far)
