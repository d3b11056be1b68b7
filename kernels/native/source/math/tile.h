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

// Sums of R rows and P panels, in registers.
template <class Operand, Index R, Index P>
using Sums = Vector<RealOf<Operand>>[R][P][2];

// A walk along k: both operands, and what is fetched for later.
template <class Operand>
struct Walk {
  const Operand *a, *b, *ahead;
  Index b_step, b_panel;
};

// The next kTimes groups of k for every sum.
template <class Operand, Index R, Index P, Read kRead, bool kFetch, Index kTimes>
[[gnu::always_inline]] inline void add_groups(Walk<Operand>& at, Sums<Operand, R, P>& sum) {
  constexpr Index L = kLanes<RealOf<Operand>>, G = kGroup<Operand>;
  constexpr Index a_row = kRead == Read::kRows ? kStride<Operand> : G;
  constexpr Index a_step = kRead == Read::kRows ? G : R * G;
#pragma GCC unroll 4
  for (Index g = 0; g < kTimes; ++g) {
    decltype(load_groups(at.b)) w[P][2];
#pragma GCC unroll 4
    for (Index p = 0; p < P; ++p) {
      const Operand* const row = at.b + g * at.b_step + p * at.b_panel;
      w[p][0] = load_groups(row);
      w[p][1] = load_groups(row + G * L);
      if constexpr (kFetch) prefetch<2 * kVectorBytes>(at.ahead + g * at.b_step + p * at.b_panel);
    }
#pragma GCC unroll 16
    for (Index r = 0; r < R; ++r) {
      const auto each = spread_group(at.a + g * a_step + r * a_row);
#pragma GCC unroll 4
      for (Index p = 0; p < P; ++p) {
        multiply_add(sum[r][p][0], each, w[p][0]);
        multiply_add(sum[r][p][1], each, w[p][1]);
      }
    }
  }
  at.a += kTimes * a_step;
  at.b += kTimes * at.b_step;
  if constexpr (kFetch) at.ahead += kTimes * at.b_step;
}

template <class Operand, Index R, Index P, Read kRead, bool kFetch>
[[gnu::always_inline]] inline void add_all(Walk<Operand> at, Index groups,
                                           Sums<Operand, R, P>& sum) {
  for (; groups >= kGroupsAtOnce; groups -= kGroupsAtOnce)
    add_groups<Operand, R, P, kRead, kFetch, kGroupsAtOnce>(at, sum);
  if constexpr (kGroupsAtOnce > 1)
    for (; groups; --groups) add_groups<Operand, R, P, kRead, kFetch, 1>(at, sum);
}

// strip(r, p) = from(r, p) + sum over k of a(r, k) b(k, p), a group of k at a time. Group g of row r
// lies at a[r kStride + g kGroup] read by rows and a[(g R + r) kGroup] read by columns, those of the
// row of a panel at b + p b_panel + g b_step. `from` may be the strip. Read by rows, and unless `ahead`
// is null, memory from there on, laid out like b, is fetched meanwhile.
template <class Operand, Index R, Index P, Read kRead>
void tile(const Operand* __restrict a, const Operand* __restrict b, Index b_step, Index b_panel,
          const Operand* ahead, Index groups, From<RealOf<Operand>> from, RealOf<Operand>* strip,
          Index strip_panel) {
  constexpr Index L = kLanes<RealOf<Operand>>;
  Sums<Operand, R, P> sum;
#pragma GCC unroll 16
  for (Index r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (Index p = 0; p < P; ++p) {
      const RealOf<Operand>* first = from.at(p, r).data;
      sum[r][p][0] = load(first);
      sum[r][p][1] = load(first + L);
    }
  const Walk<Operand> start{a, b, ahead, b_step, b_panel};
  if (constexpr bool by_rows = kRead == Read::kRows; by_rows && ahead)
    add_all<Operand, R, P, kRead, by_rows>(start, groups, sum);
  else
    add_all<Operand, R, P, kRead, false>(start, groups, sum);
#pragma GCC unroll 16
  for (Index r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (Index p = 0; p < P; ++p) {
      store(strip + p * strip_panel + r * 2 * L, sum[r][p][0]);
      store(strip + p * strip_panel + r * 2 * L + L, sum[r][p][1]);
    }
}

}  // namespace rnn
