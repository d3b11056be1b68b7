// Copies between matrices as callers hold them (row-major, in storage format) and as tiles read
// and write them.
#pragma once

#include "math/number.h"
#include "math/product.h"

namespace rnn {

// A row of a panel, of which the matrix may have only the first `width` columns. Most panels are
// whole, and a copy of known length is a few instructions.
template <class Stored>
inline void widen_panel(const Stored* from, Index width, RealOf<Stored>* to) {
  constexpr Index W = kPanel<RealOf<Stored>>;
  if (width == W) return widen(from, W, to);
  widen(from, width, to);
  std::fill(to + width, to + W, RealOf<Stored>(0));
}

template <class Stored>
inline void narrow_panel(const RealOf<Stored>* from, Index width, Stored* to) {
  constexpr Index W = kPanel<RealOf<Stored>>;
  if (width == W) return narrow(from, W, to);
  narrow(from, width, to);
}

// How many of a panel's columns a matrix of N columns has.
template <class Real>
constexpr Index width_of(Index panel, Index N) {
  return std::min(kPanel<Real>, N - panel * kPanel<Real>);
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

// Its columns as panels, the last one filled up with zeros.
template <class Stored>
void pack(Given<const Stored> from, Index K, Range panels, RealOf<Stored>* to) {
  using Real = RealOf<Stored>;
  constexpr Index W = kPanel<Real>;
  for (Index p = panels.first; p < panels.last; ++p) {
    const Index width = width_of<Real>(p, from.N);
    for (Index k = 0; k < K; ++k) widen_panel(from.at(k, p * W), width, to + (p * K + k) * W);
  }
}

// Whether these panels of a right operand of K rows are free of NaN and infinity.
template <class Real>
bool finite(Right<Real> b, Index K, Range panels) {
  Vector<Real> all{};
  for (Index p = panels.first; p < panels.last; ++p)
    for (Index k = 0; k < K; ++k)
      for (Index i = 0; i < kPanel<Real>; i += kLanes<Real>) {
        const Vector<Real> v = load(b.at(p, k) + i);
        all += v - v;  // 0, or NaN for ever
      }
  Real sum = 0;
  for (Index i = 0; i < kLanes<Real>; ++i) sum += all[i];
  return sum == 0;
}

// The same of the transpose of a matrix of N rows.
template <class Stored>
void pack_transposed(Given<const Stored> from, Index N, Range panels, RealOf<Stored>* to) {
  using Real = RealOf<Stored>;
  constexpr Index W = kPanel<Real>, kBlock = 16;
  const Index K = from.N;
  for (Index p = panels.first; p < panels.last; ++p) {
    const Index width = width_of<Real>(p, N);
    Real* panel = to + p * K * W;
    for (Index k0 = 0; k0 < K; k0 += kBlock)  // a block of both sides stays in cache
      for (Index n = 0; n < W; ++n)
        for (Index k = k0; k < std::min(k0 + kBlock, K); ++k)
          panel[k * W + n] = n < width ? widen(*from.at(p * W + n, k)) : Real(0);
  }
}

// The first rows of a matrix, of which the columns are known.
template <class Matrix, class Real>
void pack_columns(const Matrix& from, Index rows, Columns<Real> to) {
  for (Index i = 0; i < to.blocks(); ++i) {
    const Range block = to.block(i);
    for (Index row = 0; row < rows; ++row)
      widen(from.at(row, to.which.first + block.first), block.size(),
            to.data + block.first * to.M + row * block.size());
  }
}

// A row of N numbers, to be read by rows. What lies behind the last is not read.
template <class Stored>
void scatter(const Stored* from, Index N, Rows<RealOf<Stored>> to, Index row) {
  constexpr Index W = kPanel<RealOf<Stored>>;
  for (Index p = 0; p * W < N; ++p)
    widen_panel(from + p * W, width_of<RealOf<Stored>>(p, N), to.at(row, p * W));
}

// Rows of a matrix into the same rows of strips, filled up with zeros.
template <class Matrix, class Real>
void load_strips(const Matrix& from, Range rows, Range panels, Strips<Real> to) {
  constexpr Index W = kPanel<Real>;
  for (Index p = panels.first; p < panels.last; ++p) {
    const Index width = width_of<Real>(p, from.N);
    for (Index row = rows.first; row < rows.last; ++row)
      widen_panel(from.at(row, p * W), width, to.at(p, row));
  }
}

// And back.
template <class Matrix, class Real>
void store_strips(Strips<Real> from, Range rows, Range panels, const Matrix& to) {
  constexpr Index W = kPanel<Real>;
  for (Index row = rows.first; row < rows.last; ++row)
    for (Index p = panels.first; p < panels.last; ++p)
      narrow_panel(from.at(p, row), width_of<Real>(p, to.N), to.at(row, p * W));
}

// The same row of panels in every row of strips.
template <class Real>
void fill_strips(const Real* row_of_panels, Range rows, Range panels, Strips<Real> to) {
  constexpr Index W = kPanel<Real>;
  for (Index p = panels.first; p < panels.last; ++p)
    for (Index row = rows.first; row < rows.last; ++row)
      std::copy_n(row_of_panels + p * W, W, to.at(p, row));
}

template <class Real>
void clear_strips(Strips<Real> strips, Range rows, Range panels) {
  for (Index p = panels.first; p < panels.last; ++p)
    std::fill(strips.at(p, rows.first), strips.at(p, rows.last), Real(0));
}

}  // namespace rnn
