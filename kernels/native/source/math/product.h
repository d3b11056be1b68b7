// Products of matrices made of tiles.
#pragma once

#include <algorithm>
#include <array>
#include <utility>

#include "math/tile.h"

namespace rnn {

constexpr Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }

// A left operand (M, K). By rows: `step` is the distance of two blocks of kDepth columns. By
// columns: of two groups of rows of the transposed operand, as it lies in memory.
template <class Operand, Read kRead>
struct Left {
  const Operand* data;
  Index step;

  const Operand* at(Index row, Index k) const {
    return kRead == Read::kRows ? data + k / kDepth * step + row * kStride<Operand> + k % kDepth
                                : data + k / kGroup<Operand> * step + row * kGroup<Operand>;
  }
};

// A right operand (K, N) as panels: packed, or the columns of a row-major matrix.
template <class Operand>
struct Right {
  const Operand* data;
  Index step;   // from one group of k to the next
  Index panel;  // from one panel to the next

  const Operand* at(Index panel_index, Index k) const {
    return data + panel_index * panel + k / kGroup<Operand> * step;
  }
  Right from(Index panel_index) const { return {at(panel_index, 0), step, panel}; }
};

// Memory of a left operand that is read by rows.
template <class Operand>
struct Rows {
  Operand* data;
  Index step;

  Operand* at(Index row, Index k) const {
    return data + k / kDepth * step + row * kStride<Operand> + k % kDepth;
  }
  Left<Operand, Read::kRows> from(Index row) const { return {at(row, 0), step}; }
  // In order of k a right operand where a group is one row: the panels of a block, from a column on.
  Right<Operand> as_right(Index column) const {
    return {at(0, column), kStride<Operand>, kPanel<Operand>};
  }
  Rows below(Index row) const { return {at(row, 0), step}; }
};

template <class Operand>
Right<Operand> packed(const Operand* panels, Index K) {
  constexpr Index W = kPanel<Operand>;
  return {panels, W * kGroup<Operand>, whole_groups<Operand>(K) * W};
}

// An accumulator (M, N) as strips [N / kPanel][rows][kPanel], of which `data` may be any row.
template <class Real>
struct Strips {
  Real* data;
  Index panel;  // from one strip to the next

  Real* at(Index panel_index, Index row) const {
    return data + panel_index * panel + row * kPanel<Real>;
  }
  Strips beside(Index panel_index) const { return {at(panel_index, 0), panel}; }
  Strips from(Index row) const { return {data + row * kPanel<Real>, panel}; }
  operator From<Real>() const { return {data, kPanel<Real>, panel}; }
};

// The same row of panels for every row of a sum; and zeros.
template <class Real>
From<Real> every_row(const Real* panels) {
  return {panels, 0, kPanel<Real>};
}
template <class Real>
From<Real> zeros() {
  alignas(kVectorBytes) static constexpr Real panel[kPanel<Real>] = {};
  return {panel, 0, 0};
}

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

template <class Operand>
using Tile = void (*)(const Operand*, const Operand*, Index, Index, const Operand*, Index,
                      From<RealOf<Operand>>, RealOf<Operand>*, Index);

template <class Operand, Read kRead, bool kWide, std::size_t... i>
constexpr std::array<Tile<Operand>, sizeof...(i)> tiles(std::index_sequence<i...>) {
  return {&tile<Operand, i + 1, kWide ? panels_at_once(i + 1) : 1, kRead>...};
}

// Static, for the loader gives every library of a process the same inline variable template, that
// of another instruction set included.
template <class Operand, Read kRead>
static constexpr auto kNarrowTiles =
    tiles<Operand, kRead, false>(std::make_index_sequence<kMostRows>{});
template <class Operand, Read kRead>
static constexpr auto kWideTiles =
    tiles<Operand, kRead, true>(std::make_index_sequence<kFewRows>{});

// Of the terms of a sum that start at k, how many groups one block of a left operand has.
template <class Operand>
constexpr Index groups_from(Index k, Index K) {
  return ceil_div(std::min(kDepth, K - k), kGroup<Operand>);
}

// What the last tile of rows that reads a block of b fetches meanwhile, so that memory is not idle. For
// one panel: the next block, or the next panel's first. For several whose rows lie far apart: rows some
// groups ahead. Otherwise null. It may lie behind the matrix, where fetching does nothing.
template <class Operand>
const Operand* fetched_from(Right<Operand> b, Index p, Index k, Index K, bool wide) {
  constexpr Index groups_ahead = 12;
  if (!wide) return k + kDepth < K ? b.at(p, k + kDepth) : b.at(p + 1, 0);
  const bool far_apart = b.step > kPanel<Operand> * kGroup<Operand>;
  return far_apart ? b.at(p, k) + groups_ahead * b.step : nullptr;
}

// Room for a copy of a block of one panel, its rows without gaps.
template <class Operand>
struct BlockCopy {
  alignas(kVectorBytes) Operand numbers[kDepth * kPanel<Operand>];

  Right<Operand> of(Right<Operand> block, Index groups) {
    constexpr Index row = kPanel<Operand> * kGroup<Operand>;
    for (Index g = 0; g < groups; ++g)
      std::copy_n(block.data + g * block.step, row, numbers + g * row);
    return {numbers, row, 0};
  }
};

// Whether so many tiles of rows are better off with a copy of what they read: where its rows lie a page
// or more apart, they crowd few sets of the cache, and each tile would fetch them again.
template <class Operand>
bool worth_copying(Right<Operand> b, Index tiles) {
  constexpr Index page = 4096;
  return tiles > 2 && b.step * Index(sizeof(Operand)) >= page;
}

// c = from + a b, for these panels of b and c. `from` may be c.
template <class Operand, Read kRead>
void product(Left<Operand, kRead> a, Index rows, Right<Operand> b, Index K, Range panels,
             From<RealOf<Operand>> from, Strips<RealOf<Operand>> c) {
  const Index together = panels_at_once(rows), tiles = ceil_div(rows, kMostRows);
  const bool copies = worth_copying(b, tiles);
  BlockCopy<Operand> copy;
  for (Index p = panels.first; p < panels.last;) {
    const bool wide = together > 1 && p + together <= panels.last;
    Index k = 0;
    do {  // of no terms there is still `from`
      const From<RealOf<Operand>> start = k ? From<RealOf<Operand>>(c) : from;
      const Index groups = groups_from<Operand>(k, K);
      Right<Operand> block{b.at(p, k), b.step, b.panel};
      if (copies) block = copy.of(block, groups);
      const Operand* const ahead = copies ? nullptr : fetched_from(b, p, k, K, wide);
      for (Index i = 0; i < tiles; ++i) {
        const Range r = part({0, rows}, i, tiles);
        const Tile<Operand> add = wide ? kWideTiles<Operand, kRead>[r.size() - 1]
                                       : kNarrowTiles<Operand, kRead>[r.size() - 1];
        add(a.at(r.first, k), block.data, block.step, block.panel, i + 1 == tiles ? ahead : nullptr,
            groups, start.at(p, r.first), c.at(p, r.first), c.panel);
      }
    } while ((k += kDepth) < K);
    p += wide ? together : 1;
  }
}

// Columns of a matrix of M rows as a left operand of its transpose: blocks as wide as a tile is tall,
// [block][M][width], for a stride of whole rows would crowd few cache sets. The numbers of a group of
// rows lie side by side.
template <class Operand>
struct Columns {
  Range which;
  Operand* data;
  Index M;

  Index blocks() const { return ceil_div(which.size(), kMostRows); }
  Range block(Index i) const { return part({0, which.size()}, i, blocks()); }
  Left<Operand, Read::kColumns> left(Range block) const {
    return {data + block.first * whole_groups<Operand>(M), block.size() * kGroup<Operand>};
  }
};

// c = from + a^T b for the first K rows of a and b, and these panels of b and c. `from` may be c.
template <class Operand>
void outer_product(Columns<Operand> a, Right<Operand> b, Index K, Range panels,
                   From<RealOf<Operand>> from, Strips<RealOf<Operand>> c) {
  for (Index p = panels.first; p < panels.last; ++p) {
    Index k = 0;
    do {
      const From<RealOf<Operand>> start = k ? From<RealOf<Operand>>(c) : from;
      for (Index i = 0; i < a.blocks(); ++i) {
        const Range r = a.block(i);
        const Left<Operand, Read::kColumns> left = a.left(r);
        const Index row = a.which.first + r.first;
        kNarrowTiles<Operand, Read::kColumns>[r.size() - 1](
            left.at(0, k), b.at(p, k), b.step, b.panel, nullptr, groups_from<Operand>(k, K),
            start.at(p, row), c.at(p, row), c.panel);
      }
    } while ((k += kDepth) < K);
  }
}

}  // namespace rnn
