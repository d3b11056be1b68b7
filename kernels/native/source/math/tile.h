// The innermost loops: a register tile of R rows and P panels, accumulated over K.
#pragma once

#include "math/vector.h"

namespace rnn {

// A panel is two vectors wide. A right operand is packed as panels [N / kPanel][K][kPanel].
template <class Real>
inline constexpr Index kPanel = 2 * kLanes<Real>;

// A left operand that is read by rows lies in blocks [K / kDepth][M][kStride]. The distance of two
// rows is then a constant of the instruction, and no power of two, which would crowd few cache sets.
inline constexpr Index kDepth = 256;
template <class Real>
inline constexpr Index kStride = kDepth + 64 / Index(sizeof(Real));

enum class Read { kRows, kColumns };

// strip(r, p) += sum over k of a(r, k) b(k, p), where a(r, k) is a[r kStride + k] read by rows and
// a[k a_step + r] read by columns, and b(k, p) is the row of a panel at b + p b_panel + k b_step.
template <class Real, Index R, Index P, Read kRead>
void tile(const Real* __restrict a, Index a_step, const Real* __restrict b, Index b_step,
          Index b_panel, Index K, Real* __restrict strip, Index strip_panel) {
  using V = Vector<Real>;
  constexpr Index L = kLanes<Real>;
  V sum[R][P][2];
#pragma GCC unroll 16
  for (Index r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (Index p = 0; p < P; ++p) {
      sum[r][p][0] = load(strip + p * strip_panel + r * 2 * L);
      sum[r][p][1] = load(strip + p * strip_panel + r * 2 * L + L);
    }
  for (Index k = 0; k < K; ++k) {
    V w[P][2];
#pragma GCC unroll 4
    for (Index p = 0; p < P; ++p) {
      w[p][0] = load(b + p * b_panel);
      w[p][1] = load(b + p * b_panel + L);
    }
#pragma GCC unroll 16
    for (Index r = 0; r < R; ++r) {
      const V each = spread<Real>(kRead == Read::kRows ? a[r * kStride<Real>] : a[r]);
#pragma GCC unroll 4
      for (Index p = 0; p < P; ++p) {
        sum[r][p][0] += each * w[p][0];
        sum[r][p][1] += each * w[p][1];
      }
    }
    a += kRead == Read::kRows ? 1 : a_step;
    b += b_step;
  }
#pragma GCC unroll 16
  for (Index r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (Index p = 0; p < P; ++p) {
      store(strip + p * strip_panel + r * 2 * L, sum[r][p][0]);
      store(strip + p * strip_panel + r * 2 * L + L, sum[r][p][1]);
    }
}

}  // namespace rnn
