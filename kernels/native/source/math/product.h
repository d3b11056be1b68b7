// Products of matrices made of tiles.
#pragma once

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

#include "math/tile.h"

namespace rnn {

constexpr Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }

// A left operand (M, K). By rows: `step` is the distance of two blocks of kDepth columns. By
// columns: of two rows of the transposed operand, as it lies in memory.
template <class Real, Read kRead>
struct Left {
  const Real* data;
  Index step;

  const Real* at(Index row, Index k) const {
    return kRead == Read::kRows ? data + k / kDepth * step + row * kStride<Real> + k % kDepth
                                : data + k * step + row;
  }
};

// Memory of a left operand that is read by rows.
template <class Real>
struct Rows {
  Real* data;
  Index step;

  Real* at(Index row, Index k) const {
    return data + k / kDepth * step + row * kStride<Real> + k % kDepth;
  }
  Left<Real, Read::kRows> from(Index row) const { return {at(row, 0), step}; }
  Rows below(Index row) const { return {at(row, 0), step}; }
};

// A right operand (K, N) as panels: packed, or the columns of a row-major matrix.
template <class Real>
struct Right {
  const Real* data;
  Index step;   // from k to k + 1
  Index panel;  // from one panel to the next

  const Real* at(Index panel_index, Index k) const {
    return data + panel_index * panel + k * step;
  }
};

template <class Real>
Right<Real> packed(const Real* panels, Index K) {
  return {panels, kPanel<Real>, K * kPanel<Real>};
}

// An accumulator (M, N) as strips [N / kPanel][rows][kPanel], of which `data` may be any row.
template <class Real>
struct Strips {
  Real* data;
  Index panel;  // from one strip to the next

  Real* at(Index panel_index, Index row) const {
    return data + panel_index * panel + row * kPanel<Real>;
  }
  // Rows in order of k are a packed right operand.
  Right<Real> as_right() const { return {data, kPanel<Real>, panel}; }
  Strips from(Index row) const { return {data + row * kPanel<Real>, panel}; }
};

struct Range {
  Index first, last;

  Index size() const { return last - first; }
};

// Part i of n of a range, as even as it goes.
constexpr Range part(Range whole, Index i, Index n) {
  const Index size = whole.last - whole.first;
  return {whole.first + size * i / n, whole.first + size * (i + 1) / n};
}

// Few rows leave registers for several panels, whose sums then overlap in the pipeline.
inline constexpr Index kFewRows = 3;
constexpr Index panels_at_once(Index rows) { return rows == 1 ? 4 : rows <= kFewRows ? 2 : 1; }

template <class Real>
using Tile = void (*)(const Real*, Index, const Real*, Index, Index, Index, Real*, Index);

template <class Real, Read kRead, bool kWide, std::size_t... i>
constexpr std::array<Tile<Real>, sizeof...(i)> tiles(std::index_sequence<i...>) {
  return {&tile<Real, i + 1, kWide ? panels_at_once(i + 1) : 1, kRead>...};
}

// Static, for the loader gives every library of a process the same inline variable template, that
// of another instruction set included.
template <class Real, Read kRead>
static constexpr auto kNarrowTiles =
    tiles<Real, kRead, false>(std::make_index_sequence<kMostRows>{});
template <class Real, Read kRead>
static constexpr auto kWideTiles = tiles<Real, kRead, true>(std::make_index_sequence<kFewRows>{});

// One row of strips += the rows of b at these places, each times its number in a.
template <class Real, Index P>
void sparse_tile(Left<Real, Read::kRows> a, const std::int32_t* places, Index found, const Real* b,
                 Index b_step, Index b_panel, Real* strip, Index strip_panel) {
  using V = Vector<Real>;
  constexpr Index L = kLanes<Real>;
  V sum[P][2];
#pragma GCC unroll 4
  for (Index p = 0; p < P; ++p) {
    sum[p][0] = load(strip + p * strip_panel);
    sum[p][1] = load(strip + p * strip_panel + L);
  }
  for (Index i = 0; i < found; ++i) {
    const V each = spread<Real>(*a.at(0, places[i]));
    const Real* row = b + places[i] * b_step;
#pragma GCC unroll 4
    for (Index p = 0; p < P; ++p) {
      sum[p][0] += each * load(row + p * b_panel);
      sum[p][1] += each * load(row + p * b_panel + L);
    }
  }
#pragma GCC unroll 4
  for (Index p = 0; p < P; ++p) {
    store(strip + p * strip_panel, sum[p][0]);
    store(strip + p * strip_panel + L, sum[p][1]);
  }
}

// c += a b, for these panels of b and c.
template <class Real, Read kRead>
void add_product(Left<Real, kRead> a, Index rows, Right<Real> b, Index K, Range panels,
                 Strips<Real> c) {
  const Index together = panels_at_once(rows), blocks = ceil_div(rows, kMostRows);
  for (Index p = panels.first; p < panels.last;) {
    const bool wide = together > 1 && p + together <= panels.last;
    for (Index k = 0; k < K; k += kDepth)
      for (Index i = 0; i < blocks; ++i) {
        const Range r = part({0, rows}, i, blocks);
        const Tile<Real> add = wide ? kWideTiles<Real, kRead>[r.size() - 1]
                                    : kNarrowTiles<Real, kRead>[r.size() - 1];
        add(a.at(r.first, k), a.step, b.at(p, k), b.step, b.panel, std::min(kDepth, K - k),
            c.at(p, r.first), c.panel);
      }
    p += wide ? together : 1;
  }
}

// Columns of a matrix of M rows as a left operand of its transpose: blocks as wide as a tile is tall,
// [block][M][width], for a stride of whole rows would crowd few cache sets.
template <class Real>
struct Columns {
  Range which;
  Real* data;
  Index M;

  Index blocks() const { return ceil_div(which.size(), kMostRows); }
  Range block(Index i) const { return part({0, which.size()}, i, blocks()); }
  Left<Real, Read::kColumns> left(Range block) const {
    return {data + block.first * M, block.size()};
  }
};

// c += a^T b for the first K rows of a and b, and these panels of b and c. If fresh, c is 0 at first.
template <class Real>
void add_outer_product(Columns<Real> a, Right<Real> b, Index K, Range panels, Strips<Real> c,
                       bool fresh) {
  for (Index p = panels.first; p < panels.last; ++p) {
    if (fresh) std::fill(c.at(p, a.which.first), c.at(p, a.which.last), Real(0));
    for (Index k = 0; k < K; k += kDepth)
      for (Index i = 0; i < a.blocks(); ++i) {
        const Range r = a.block(i);
        const Left<Real, Read::kColumns> left = a.left(r);
        kNarrowTiles<Real, Read::kColumns>[r.size() - 1](
            left.at(0, k), left.step, b.at(p, k), b.step, b.panel, std::min(kDepth, K - k),
            c.at(p, a.which.first + r.first), c.panel);
      }
  }
}

// Of a row of K numbers the places of those that are not zero; NaN is not.
template <class Real>
Index find_nonzero(Left<Real, Read::kRows> a, Index K, std::int32_t* places) {
  using Bits = std::conditional_t<sizeof(Real) == 4, std::uint32_t, std::uint64_t>;
  Index found = 0;
  for (Index first = 0; first < K; first += kDepth) {
    const Real* block = a.at(0, first);
    for (Index k = first; k < std::min(first + kDepth, K); ++k, ++block) {
      Bits bits;
      std::memcpy(&bits, block, sizeof bits);
      places[found] = std::int32_t(k);
      found += Bits(bits << 1) != 0;  // without its sign; and no branch to mispredict
    }
  }
  return found;
}

// c += a b for a single row of which only the places found count, and these panels of b and c.
template <class Real>
void add_sparse_product(Left<Real, Read::kRows> a, const std::int32_t* places, Index found,
                        Right<Real> b, Range panels, Strips<Real> c) {
  constexpr Index P = panels_at_once(1);
  Index p = panels.first;
  for (; p + P <= panels.last; p += P)
    sparse_tile<Real, P>(a, places, found, b.at(p, 0), b.step, b.panel, c.at(p, 0), c.panel);
  for (; p < panels.last; ++p)
    sparse_tile<Real, 1>(a, places, found, b.at(p, 0), b.step, b.panel, c.at(p, 0), c.panel);
}

}  // namespace rnn
