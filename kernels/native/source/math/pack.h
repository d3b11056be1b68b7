// Copies between matrices as callers hold them (row-major, in storage format) and as tiles read
// and write them.
#pragma once

#include "math/number.h"
#include "math/product.h"

namespace rnn {

// A row of a panel, of which the matrix may have only the first `width` columns. Most panels are
// whole, and a copy of known length is a few instructions.
template <class Stored, class Number>
inline void read_panel(const Stored* from, Index width, Number* to) {
  constexpr Index W = kPanel<Stored>;
  if (width == W) return convert(from, W, to);
  convert(from, width, to);
  std::fill(to + width, to + W, Number{});
}

template <class Number, class Stored>
inline void write_panel(const Number* from, Index width, Stored* to) {
  constexpr Index W = kPanel<Stored>;
  if (width == W) return convert(from, W, to);
  convert(from, width, to);
}

template <class Stored>
inline constexpr Stored kZeros[kPanel<Stored>] = {};  // in the place of a row behind the last

// How many of a panel's columns a matrix of N columns has.
template <class Number>
constexpr Index width_of(Index panel, Index N) {
  return std::min(kPanel<Number>, N - panel * kPanel<Number>);
}

// A matrix of N columns as the caller holds it, row-major, or that many columns of a wider one.
template <class Stored>
struct Given {
  Stored* data;
  Index N, stride;  // from row to row

  Given(Stored* data, Index N) : Given(data, N, N) {}
  Given(Stored* data, Index N, Index stride) : data(data), N(N), stride(stride) {}

  Stored* at(Index row, Index column) const { return data + row * stride + column; }
  Given from(Index row) const { return {data + row * stride, N, stride}; }
};

// Some of its rows, in another order.
template <class Stored>
struct Chosen {
  Given<Stored> given;
  const Index* rows;
  Index N = given.N;

  Stored* at(Index row, Index column) const { return given.at(rows[row], column); }
};

// Of a matrix of K rows the group from k on, side by side: n columns.
template <class Matrix, class Operand>
inline void copy_group(const Matrix& from, Index k, Index K, Index column, Index n, Operand* to) {
  if constexpr (kGroup<Operand> == 1)
    convert(from.at(k, column), n, to);
  else
    interleave(from.at(k, column), k + 1 < K ? from.at(k + 1, column) : kZeros<Operand>, n, to);
}

// Its columns as panels, the last one filled up with zeros.
template <class Stored, class Operand>
void pack(Given<const Stored> from, Index K, Range panels, Operand* to) {
  constexpr Index W = kPanel<Stored>, G = kGroup<Operand>;
  for (Index p = panels.first; p < panels.last; ++p) {
    const Index width = width_of<Stored>(p, from.N);
    Operand* group = to + p * whole_groups<Operand>(K) * W;
    for (Index k = 0; k < K; k += G, group += G * W) {
      if (width == W) {
        copy_group(from, k, K, p * W, W, group);
      } else {
        std::fill_n(group, G * W, Operand{});
        copy_group(from, k, K, p * W, width, group);
      }
    }
  }
}

// Whether these panels of a right operand of K rows are free of NaN and infinity.
template <class Operand>
bool finite(Right<Operand> b, Index K, Range panels) {
  using Real = RealOf<Operand>;
  constexpr Index G = kGroup<Operand>;
  Vector<Real> all{};
  for (Index p = panels.first; p < panels.last; ++p)
    for (Index k = 0; k < K; k += G)
      for (Index i = 0; i < G * kPanel<Operand>; i += kLanes<Real>) {
        const Vector<Real> v = load(b.at(p, k) + i);
        all += v - v;  // 0, or NaN for ever
      }
  Real sum = 0;
  for (Index i = 0; i < kLanes<Real>; ++i) sum += all[i];
  return sum == 0;
}

// Panels of the transpose of a matrix of N rows.
template <class Stored, class Operand>
void pack_transposed(Given<const Stored> from, Index N, Range panels, Operand* to) {
  constexpr Index W = kPanel<Stored>, G = kGroup<Operand>, kBlock = 16;
  const Index K = from.N, padded = whole_groups<Operand>(K);
  for (Index p = panels.first; p < panels.last; ++p) {
    const Index width = width_of<Stored>(p, N);
    Operand* panel = to + p * padded * W;
    std::fill(panel + K / G * G * W, panel + padded * W, Operand{});
    for (Index k0 = 0; k0 < K; k0 += kBlock)  // a block of both sides stays in cache
      for (Index n = 0; n < W; ++n) {
        const Index size = std::min(kBlock, K - k0);
        static constexpr Operand zeros[kBlock] = {};
        Operand memory[kBlock];
        const Operand* numbers =
            n < width ? converted(from.at(p * W + n, k0), size, memory) : zeros;
        for (Index k = 0; k < size; ++k)
          panel[((k0 + k) / G * W + n) * G + k % G] = numbers[k];
      }
  }
}

// The first rows of a matrix, of which the columns are known.
template <class Matrix, class Operand>
void pack_columns(const Matrix& from, Index rows, Columns<Operand> to) {
  for (Index i = 0; i < to.blocks(); ++i) {
    const Range block = to.block(i);
    Operand* groups = to.data + block.first * whole_groups<Operand>(to.M);
    for (Index row = 0; row < rows; row += kGroup<Operand>)
      copy_group(from, row, rows, to.which.first + block.first, block.size(),
                 groups + row * block.size());
  }
}

// The first rows as a right operand in order of rows.
template <class Operand>
void pack_rows(Rows<Operand> from, Index rows, Range panels, Operand* to) {
  constexpr Index W = kPanel<Operand>;
  for (Index p = panels.first; p < panels.last; ++p) {
    Operand* group = to + p * whole_groups<Operand>(rows) * W;
    for (Index row = 0; row < rows; row += kGroup<Operand>, group += kGroup<Operand> * W)
      copy_group(from, row, rows, p * W, W, group);
  }
}

// A row of N numbers, to be read by rows. What lies behind the last is 0, as a group that it fills
// up has it.
template <class Stored, class Operand>
void scatter(const Stored* from, Index N, Rows<Operand> to, Index row) {
  constexpr Index W = kPanel<Stored>;
  for (Index p = 0; p * W < N; ++p)
    read_panel(from + p * W, width_of<Stored>(p, N), to.at(row, p * W));
}

// Rows of a matrix into the same rows of strips, filled up with zeros.
template <class Matrix, class Real>
void load_strips(const Matrix& from, Range rows, Range panels, Strips<Real> to) {
  constexpr Index W = kPanel<Real>;
  for (Index p = panels.first; p < panels.last; ++p) {
    const Index width = width_of<Real>(p, from.N);
    for (Index row = rows.first; row < rows.last; ++row)
      read_panel(from.at(row, p * W), width, to.at(p, row));
  }
}

// And back.
template <class Matrix, class Real>
void store_strips(Strips<Real> from, Range rows, Range panels, const Matrix& to) {
  constexpr Index W = kPanel<Real>;
  for (Index row = rows.first; row < rows.last; ++row)
    for (Index p = panels.first; p < panels.last; ++p)
      write_panel(from.at(p, row), width_of<Real>(p, to.N), to.at(row, p * W));
}

// These rows and panels of strips added to others.
template <class Real>
void add_strips(Strips<Real> from, Range rows, Range panels, Strips<Real> to) {
  for (Index p = panels.first; p < panels.last; ++p)
    std::transform(from.at(p, rows.first), from.at(p, rows.last), to.at(p, rows.first),
                   to.at(p, rows.first), std::plus<>{});
}

template <class Real>
void clear_strips(Strips<Real> strips, Range rows, Range panels) {
  for (Index p = panels.first; p < panels.last; ++p)
    std::fill(strips.at(p, rows.first), strips.at(p, rows.last), Real(0));
}

}  // namespace rnn
