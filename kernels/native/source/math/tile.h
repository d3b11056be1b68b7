// The innermost loops: a register tile of R rows and P panels, summed over K.
#pragma once

#include "math/operand.h"

namespace rnn {

// A panel is two vectors wide. A right operand is packed as panels [N / kPanel][K][kPanel], in which
// the numbers of a group of rows lie side by side.
template <class Number>
inline constexpr Index kPanel = 2 * kLanes<RealOf<Number>>;

// A left operand that is read by rows lies in blocks [K / kDepth][M][kStride]. The distance of two
// rows is then a constant of the instruction, and no power of two, which would crowd few cache sets.
inline constexpr Index kDepth = 256;
template <class Operand>
inline constexpr Index kStride = kDepth + 64 / Index(sizeof(Operand));

enum class Read { kRows, kColumns };

// What sums start from: a panel of a row at data + p panel + r row.
template <class Real>
struct From {
  const Real* data;
  Index row, panel;

  From at(Index p, Index r) const { return {data + p * panel + r * row, row, panel}; }
};

// strip(r, p) = from(r, p) + sum over k of a(r, k) b(k, p), a group of k at a time. Group g of row r
// lies at a[r kStride + g kGroup] read by rows and a[g a_step + r kGroup] read by columns, those of
// the row of a panel at b + p b_panel + g b_step. `from` may be the strip. Meanwhile a single panel
// that is multiplied by rows has what lies from `next` on fetched, which may be the panel itself; and
// of several panels that are not packed, whose rows lie far apart, a row some steps ahead is fetched.
template <class Operand, Index R, Index P, Read kRead>
void tile(const Operand* __restrict a, Index a_step, const Operand* __restrict b, Index b_step,
          Index b_panel, const Operand* next, Index groups, From<RealOf<Operand>> from,
          RealOf<Operand>* strip, Index strip_panel) {
  using V = Vector<RealOf<Operand>>;
  constexpr Index L = kLanes<RealOf<Operand>>, G = kGroup<Operand>;
  V sum[R][P][2];
#pragma GCC unroll 16
  for (Index r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (Index p = 0; p < P; ++p) {
      const RealOf<Operand>* first = from.at(p, r).data;
      sum[r][p][0] = load(first);
      sum[r][p][1] = load(first + L);
    }
  constexpr Index ahead = 12;
  const bool far_apart = kRead == Read::kRows && P > 1 && b_step > G * 2 * L;
  for (Index g = 0; g < groups; ++g) {
    decltype(load_groups(b)) w[P][2];
#pragma GCC unroll 4
    for (Index p = 0; p < P; ++p) {
      w[p][0] = load_groups(b + p * b_panel);
      w[p][1] = load_groups(b + p * b_panel + G * L);
    }
    if constexpr (P == 1 && kRead == Read::kRows) prefetch<2 * kVectorBytes>(next + g * b_step);
    if (far_apart && g + ahead < groups)
#pragma GCC unroll 4
      for (Index p = 0; p < P; ++p)
        prefetch<2 * kVectorBytes>(b + p * b_panel + ahead * b_step);
#pragma GCC unroll 16
    for (Index r = 0; r < R; ++r) {
      const auto each = spread_group(a + r * (kRead == Read::kRows ? kStride<Operand> : G));
#pragma GCC unroll 4
      for (Index p = 0; p < P; ++p) {
        multiply_add(sum[r][p][0], each, w[p][0]);
        multiply_add(sum[r][p][1], each, w[p][1]);
      }
    }
    a += kRead == Read::kRows ? G : a_step;
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
